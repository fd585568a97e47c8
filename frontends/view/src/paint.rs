//! Colours of a terminal.

/// Whether what is meant for people is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paint {
    /// No escape sequence at all.
    #[default]
    Plain,
    /// Colours by ECMA-48 "select graphic rendition" sequences.
    Color,
}

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Body,
    Strong,
    Dim,
    Label,
    Good,
    Bad,
    Warning,
}

impl Paint {
    /// Colours a piece of text that holds no line break.
    pub(crate) fn dye(self, tone: Tone, text: &str) -> String {
        let code = match (self, tone) {
            (Paint::Plain, _) | (Paint::Color, Tone::Body) => return text.to_owned(),
            (Paint::Color, _) if text.is_empty() => return String::new(),
            (Paint::Color, Tone::Strong) => "1",
            (Paint::Color, Tone::Dim) => "2",
            (Paint::Color, Tone::Label) => "35",
            (Paint::Color, Tone::Good) => "32",
            (Paint::Color, Tone::Bad) => "31",
            (Paint::Color, Tone::Warning) => "33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
