//! Secrets are taken out of an event before it lands.

use std::borrow::Cow;

use codex_event::{Text, Texts};
use codex_redact::Redactor;

/// Takes the secrets out of every text.
pub(crate) fn redact(redactor: &Redactor, of: &mut impl Texts) {
    of.texts(&mut |text| match text {
        Text::Plain(text) => {
            if let Cow::Owned(redacted) = redactor.text(text) {
                *text = redacted;
            }
        }
        Text::Json(text) => {
            if let Cow::Owned(redacted) = redactor.json(text) {
                *text = redacted;
            }
        }
        // Nothing of a rollout is streamed, and what was printed was redacted before it was cut.
        Text::Streamed(..) | Text::Printed(_) => {}
    });
}
