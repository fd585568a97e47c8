//! JSON Schemas of what is stored and said, for programs that are written in other languages.
//!
//! Only with the feature `schema`, which nothing but `cargo xtask schema` turns on.

use std::borrow::Cow;

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema, json_schema};

use crate::{
    Author, Command, Digest, Envelope, Epoch, Event, Millis, Notice, OutputBytes, Permission,
    Request, SCHEMA_VERSION, Seq, SessionId, Stored, Timestamp, TurnId,
};

/// Gives each schema with the name of its file.
pub fn all() -> [(&'static str, Schema); 4] {
    [
        ("request.json", schemars::schema_for!(Request)),
        ("notice.json", schemars::schema_for!(Notice)),
        ("command.json", schemars::schema_for!(Command)),
        ("event.json", schemars::schema_for!(Envelope)),
    ]
}

/// A schema of a string that says what it holds.
macro_rules! text {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text!(SessionId, "SessionId", {
    "description": "Names a session: a UUID of version 7, with hyphens.",
    "type": "string",
    "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
});
text!(Digest, "Digest", {
    "description": "A BLAKE3 digest.",
    "type": "string",
    "pattern": "^[0-9a-f]{64}$"
});
text!(Author, "Author", {
    "description": "Who is answerable: a person with the name of the frontend, a rule with its name, \
                    the model, or the program itself. A later release may know more.",
    "type": "string",
    "pattern": "^(user:|policy:|model$|supervisor$)"
});
text!(Permission, "Permission", {
    "description": "One thing that commands of a session are allowed to do.",
    "type": "string",
    "pattern": "^(disk-full-read-access|disk-write-platform-user-temp-folder|disk-write-platform-global-temp-folder|disk-write-cwd|disk-write-folder=.+|disk-full-write-access|network-full-access)$"
});
text!(OutputBytes, "OutputBytes", {
    "description": "Bytes that a command printed: text where they are text, base-16 where they are not.",
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"hex": {"type": "string", "pattern": "^([0-9a-f]{2})*$"}},
            "required": ["hex"]
        }
    ]
});

impl<T: JsonSchema> JsonSchema for Stored<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Stored_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A value, or the digest and the length of the blob that holds it.",
            "anyOf": [
                generator.subschema_for::<T>(),
                {
                    "type": "object",
                    "properties": {
                        "blob": generator.subschema_for::<Digest>(),
                        "len": {"type": "integer", "minimum": 0}
                    },
                    "required": ["blob", "len"]
                }
            ]
        })
    }
}

impl JsonSchema for Envelope {
    fn schema_name() -> Cow<'static, str> {
        "Envelope".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An event with its place in the journal and its causes, as it is stored. A \
                            later release may add kinds and fields: what is not known is to be passed over.",
            "type": "object",
            "properties": {
                "session": generator.subschema_for::<SessionId>(),
                "seq": generator.subschema_for::<Seq>(),
                "epoch": generator.subschema_for::<Epoch>(),
                "at": generator.subschema_for::<Timestamp>(),
                "mono": generator.subschema_for::<Millis>(),
                "author": generator.subschema_for::<Author>(),
                "cause": generator.subschema_for::<Option<Seq>>(),
                "turn": generator.subschema_for::<Option<TurnId>>(),
                "v": {"description": "Version of the schema.", "const": SCHEMA_VERSION}
            },
            "required": [
                "session", "seq", "epoch", "at", "mono", "author", "cause", "turn", "kind", "v", "body"
            ],
            "allOf": [generator.subschema_for::<Event>()]
        })
    }
}
