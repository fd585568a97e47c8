//! What is known of each language.

/// What is known of a language.
#[derive(Debug)]
pub(super) struct Language {
    /// Names that it goes by, and endings of its files.
    names: &'static [&'static str],
    /// What begins a remark that ends with its line.
    pub(super) line: &'static [&'static str],
    /// What begins and ends a remark.
    pub(super) block: Option<(&'static str, &'static str)>,
    /// Whether remarks may stand in remarks.
    pub(super) nested: bool,
    /// Quotes, those that begin like others first.
    pub(super) texts: &'static [Quote],
    /// What a single quote begins.
    pub(super) ticks: Ticks,
    /// Words of the language, parted by spaces.
    pub(super) keywords: &'static str,
    /// Names of types that are written small, parted by spaces.
    pub(super) kinds: &'static str,
    /// Whether names of types are written with a capital.
    pub(super) capitals: bool,
    /// What stands between a name and its value.
    pub(super) key: Option<char>,
    /// Whether names may have dashes.
    pub(super) dashes: bool,
    /// Whether names may begin with a dollar sign.
    pub(super) dollars: bool,
    /// Whether a number sign and a name at the beginning of a line are a word of the language.
    pub(super) directives: bool,
    /// Whether words may be written in capitals.
    pub(super) any_case: bool,
}

/// What a single quote begins, where it is none of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ticks {
    /// Whatever the texts say.
    Texts,
    /// A character, or the name of a lifetime.
    Lifetimes,
}

/// A kind of text in quotes.
#[derive(Debug)]
pub(super) struct Quote {
    pub(super) open: &'static str,
    pub(super) close: &'static str,
    /// Whether a backslash keeps the next character from ending it.
    pub(super) escapes: bool,
    /// Whether it may go on into the next line.
    pub(super) lines: bool,
}

/// Values that have a name in one language or another.
pub(super) const CONSTANTS: [&str; 16] = [
    "true",
    "false",
    "null",
    "nil",
    "None",
    "True",
    "False",
    "undefined",
    "NaN",
    "nullptr",
    "NULL",
    "iota",
    "yes",
    "no",
    "on",
    "off",
];

const DOUBLE: Quote = Quote { open: "\"", close: "\"", escapes: true, lines: false };
const SINGLE: Quote = Quote { open: "'", close: "'", escapes: true, lines: false };
const LONG: Quote = Quote { open: "\"", close: "\"", escapes: true, lines: true };
const TICKED: Quote = Quote { open: "`", close: "`", escapes: true, lines: true };
const RAW: Quote = Quote { open: "`", close: "`", escapes: false, lines: true };
const TRIPLE: Quote = Quote { open: "\"\"\"", close: "\"\"\"", escapes: true, lines: true };
const TRIPLE_SINGLE: Quote = Quote { open: "'''", close: "'''", escapes: true, lines: true };
const LITERAL: Quote = Quote { open: "'", close: "'", escapes: false, lines: false };

/// A language like C, which others are told from by what differs.
const BASE: Language = Language {
    names: &[],
    line: &["//"],
    block: Some(("/*", "*/")),
    nested: false,
    texts: &[DOUBLE, SINGLE],
    ticks: Ticks::Texts,
    keywords: "",
    kinds: "",
    capitals: true,
    key: None,
    dashes: false,
    dollars: false,
    directives: false,
    any_case: false,
};

/// A language that holds data, with remarks like a shell's.
const DATA: Language =
    Language { line: &["#"], block: None, capitals: false, dashes: true, ..BASE };

/// Tells whether a word is among some.
pub(super) fn has(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

/// Finds a language by a name in small letters.
pub(super) fn named(name: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|language| language.names.contains(&name))
}

static LANGUAGES: [Language; 25] = [
    Language {
        names: &["rust", "rs"],
        nested: true,
        texts: &[
            Quote { open: "r##\"", close: "\"##", escapes: false, lines: true },
            Quote { open: "r#\"", close: "\"#", escapes: false, lines: true },
            Quote { open: "r\"", close: "\"", escapes: false, lines: true },
            LONG,
        ],
        ticks: Ticks::Lifetimes,
        keywords: "as async await break const continue crate dyn else enum extern fn for if impl in let \
            loop match mod move mut pub ref return self Self static struct super trait type \
            union unsafe use where while yield",
        kinds: "bool char str u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64",
        ..BASE
    },
    Language {
        names: &["python", "py", "py3", "python3", "pyi", "starlark", "bzl", "bazel"],
        line: &["#"],
        block: None,
        texts: &[TRIPLE, TRIPLE_SINGLE, DOUBLE, SINGLE],
        keywords: "and as assert async await break case class continue def del elif else except finally \
            for from global if import in is lambda match nonlocal not or pass raise return self \
            try while with yield",
        kinds: "int str float bool bytes list dict set tuple object",
        ..BASE
    },
    Language {
        names: &[
            "javascript",
            "js",
            "jsx",
            "mjs",
            "cjs",
            "typescript",
            "ts",
            "tsx",
            "mts",
            "cts",
            "node",
        ],
        texts: &[DOUBLE, SINGLE, TICKED],
        keywords: "abstract as async await break case catch class const continue debugger declare \
            default delete do else enum export extends finally for from function get if \
            implements import in instanceof interface keyof let namespace new of private \
            protected public readonly return satisfies set static super switch this throw try \
            type typeof var void while with yield",
        kinds: "any boolean never number string symbol unknown bigint object",
        dollars: true,
        ..BASE
    },
    Language {
        names: &["go", "golang"],
        texts: &[DOUBLE, SINGLE, RAW],
        keywords: "break case chan const continue default defer else fallthrough for func go goto if \
            import interface map package range return select struct switch type var",
        kinds: "any bool byte error float32 float64 int int8 int16 int32 int64 rune string uint \
            uint8 uint16 uint32 uint64 uintptr",
        ..BASE
    },
    Language {
        names: &[
            "c", "h", "cpp", "c++", "cc", "cxx", "hpp", "hh", "cuda", "cu", "objc", "glsl",
            "arduino",
        ],
        keywords: "alignas alignof auto break case catch class co_await co_return co_yield concept \
            const constexpr consteval continue decltype default delete do else enum explicit \
            extern final for friend goto if inline mutable namespace new noexcept operator \
            override private protected public register requires restrict return sizeof static \
            static_assert struct switch template this throw try typedef typename union using \
            virtual volatile while",
        kinds: "bool char double float int long short signed size_t ssize_t unsigned void int8_t \
            int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t wchar_t",
        directives: true,
        ..BASE
    },
    Language {
        names: &["java", "kotlin", "kt", "kts", "scala", "groovy", "gradle"],
        texts: &[TRIPLE, DOUBLE, SINGLE],
        keywords: "abstract as assert break by case catch class companion continue data def default do \
            else enum extends final finally for fun given if implements import in init \
            instanceof interface internal is lazy match native new object open override package \
            private protected public record return sealed static super suspend switch \
            synchronized this throw throws trait transient try val var volatile when while with \
            yield",
        kinds: "boolean byte char double float int long short void",
        ..BASE
    },
    Language {
        names: &["csharp", "cs", "c#"],
        texts: &[TRIPLE, DOUBLE, SINGLE],
        keywords: "abstract as async await base break case catch class const continue default delegate \
            do else enum event explicit extern finally for foreach get goto if implicit in init \
            interface internal is lock namespace new operator out override params partial \
            private protected public readonly record ref required return sealed set sizeof \
            static struct switch this throw try typeof unsafe using var virtual void where while \
            yield",
        kinds: "bool byte char decimal double float int long object string",
        directives: true,
        ..BASE
    },
    Language {
        names: &["swift"],
        nested: true,
        texts: &[TRIPLE, DOUBLE],
        keywords: "actor as associatedtype async await break case catch class continue default defer \
            deinit do else enum extension fileprivate final for func guard if import in init \
            inout internal is lazy let mutating open override private protocol public repeat \
            return self Self some static struct subscript super switch throw throws try \
            typealias var weak where while",
        directives: true,
        ..BASE
    },
    Language {
        names: &["zig"],
        block: None,
        keywords: "and break catch comptime const continue defer else enum errdefer error export extern \
            fn for if inline or orelse packed pub return struct switch test threadlocal try \
            union unreachable usingnamespace var volatile while",
        kinds: "bool u8 u16 u32 u64 usize i8 i16 i32 i64 isize void f32 f64",
        ..BASE
    },
    Language {
        names: &["dart"],
        texts: &[TRIPLE, TRIPLE_SINGLE, DOUBLE, SINGLE],
        keywords: "abstract as async await break case catch class const continue default do else enum \
            export extends extension factory final finally for get if implements import in is \
            late library mixin new on part required return set static super switch this throw \
            try typedef var void while with yield",
        kinds: "bool double dynamic int num",
        ..BASE
    },
    Language {
        names: &["ruby", "rb", "rake", "gemfile", "elixir", "ex", "exs", "crystal"],
        line: &["#"],
        block: None,
        texts: &[TRIPLE, LONG, SINGLE, TICKED],
        keywords: "alias and begin break case class cond def defmodule defp do else elsif end ensure fn \
            for if import in module next not or private raise redo require rescue retry return \
            self super then undef unless until use when while with yield",
        ..BASE
    },
    Language {
        names: &["php"],
        line: &["//", "#"],
        texts: &[LONG, Quote { open: "'", close: "'", escapes: true, lines: true }],
        keywords: "abstract array as break case catch class clone const continue declare default do \
            echo else elseif enum extends final finally fn for foreach function global if \
            implements include instanceof interface match namespace new php private protected \
            public readonly require require_once return static switch throw trait try use var \
            while yield",
        kinds: "bool float int mixed string void",
        dollars: true,
        ..BASE
    },
    Language {
        names: &["perl", "pl", "pm", "r"],
        line: &["#"],
        block: None,
        texts: &[LONG, SINGLE],
        keywords: "die else elsif for foreach function if in last library my next our package print \
            repeat return sub unless until use while",
        capitals: false,
        dollars: true,
        ..BASE
    },
    Language {
        names: &["lua"],
        line: &["--"],
        block: Some(("--[[", "]]")),
        keywords: "and break do else elseif end for function goto if in local not or repeat return then \
            until while",
        capitals: false,
        ..BASE
    },
    Language {
        names: &["haskell", "hs", "elm", "purescript"],
        line: &["--"],
        block: Some(("{-", "-}")),
        nested: true,
        texts: &[DOUBLE],
        ticks: Ticks::Lifetimes,
        keywords: "as case class data deriving do else exposing hiding if import in infixl infixr \
            instance let module newtype of qualified then type where",
        ..BASE
    },
    Language {
        names: &["ocaml", "ml", "fsharp", "fs", "f#"],
        line: &[],
        block: Some(("(*", "*)")),
        nested: true,
        texts: &[LONG],
        ticks: Ticks::Lifetimes,
        keywords: "and as begin do done else end exception for fun function if in include let match \
            member module mutable namespace new of open rec sig struct then to try type val when \
            while with",
        kinds: "bool char float int list option string unit",
        ..BASE
    },
    Language {
        names: &["sql", "mysql", "postgresql", "postgres", "psql", "sqlite", "plsql"],
        line: &["--"],
        texts: &[
            Quote { open: "'", close: "'", escapes: false, lines: true },
            Quote { open: "\"", close: "\"", escapes: false, lines: false },
        ],
        keywords: "add all alter and as asc begin between by cascade case check column commit \
            constraint create cross default delete desc distinct drop else end except exists \
            explain foreign from full group having if in index inner insert into is join key \
            left like limit not offset on or order outer partition primary references returning \
            right rollback select set table then trigger union unique update using values view \
            when where with",
        kinds: "bigint blob boolean char date decimal int integer json jsonb numeric real serial \
            text timestamp uuid varchar",
        capitals: false,
        any_case: true,
        ..BASE
    },
    Language {
        names: &["json", "jsonc", "json5", "jsonl", "ndjson"],
        line: &["//"],
        key: Some(':'),
        ..DATA
    },
    Language {
        names: &["yaml", "yml"],
        texts: &[LONG, Quote { open: "'", close: "'", escapes: false, lines: true }],
        key: Some(':'),
        ..DATA
    },
    Language {
        names: &[
            "toml",
            "ini",
            "cfg",
            "conf",
            "env",
            "dotenv",
            "properties",
            "editorconfig",
            "desktop",
        ],
        line: &["#", ";"],
        texts: &[TRIPLE, TRIPLE_SINGLE, DOUBLE, LITERAL],
        key: Some('='),
        ..DATA
    },
    Language {
        names: &["css", "scss", "sass", "less"],
        line: &[],
        block: Some(("/*", "*/")),
        key: Some(':'),
        ..DATA
    },
    Language {
        names: &["hcl", "terraform", "tf", "nix", "nginx"],
        line: &["#", "//"],
        block: Some(("/*", "*/")),
        keywords: "data else for if import in inherit let locals module output provider rec resource \
            server location terraform then variable with",
        key: Some('='),
        ..DATA
    },
    Language {
        names: &["dockerfile", "docker", "containerfile"],
        keywords: "add arg as cmd copy entrypoint env expose from healthcheck label onbuild run shell \
            stopsignal user volume workdir",
        any_case: true,
        ..DATA
    },
    Language {
        names: &["makefile", "make", "mk", "cmake", "just", "justfile"],
        keywords: "define else endef endif export ifdef ifeq ifndef ifneq include override if \
            endfunction function foreach endforeach",
        key: Some(':'),
        ..DATA
    },
    Language {
        names: &["protobuf", "proto", "graphql", "gql", "thrift"],
        line: &["//", "#"],
        keywords: "directive enum extend fragment implements import input interface message mutation \
            oneof option optional package query repeated required reserved returns rpc scalar \
            schema service struct subscription syntax type union",
        kinds: "bool bytes double float int32 int64 string uint32 uint64",
        ..BASE
    },
];
