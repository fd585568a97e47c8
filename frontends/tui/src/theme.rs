//! Styles by what a text means, for each palette.
//!
//! Nothing is told by colour alone: whatever a colour says, a glyph, a word or an attribute says too,
//! so that the plain palette loses nothing.

#[cfg(test)]
mod tests;

use ratatui::style::{Color, Modifier, Style};

use crate::options::Palette;

/// Styles by meaning.
///
/// Text has no colour of its own and no background is set but for marks: the terminal's own colours
/// show through, whatever they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Running text.
    pub text: Style,
    /// What is there to be looked up, and not to be read.
    pub dim: Style,
    /// What is to be seen first: headings, names.
    pub strong: Style,
    /// What can be acted on, and what is under way.
    pub accent: Style,
    /// Success.
    pub good: Style,
    /// Failure.
    pub bad: Style,
    /// What needs care.
    pub warning: Style,
    /// What the user said.
    pub user: Style,
    /// Code within running text.
    pub code: Style,
    /// A line that came.
    pub added: Style,
    /// A line that went.
    pub removed: Style,
    /// The part of an added line that differs from the one it replaces.
    pub added_mark: Style,
    /// The part of a removed line that differs from the one that replaces it.
    pub removed_mark: Style,
    /// What a key acts on.
    pub selected: Style,
    /// Lines that part and frame.
    pub border: Style,
    /// Addresses.
    pub link: Style,
    /// What the model told of its reasoning.
    pub reasoning: Style,
    /// Code in blocks, files and commands.
    pub syntax: Syntax,
}

/// Styles of code, by what a word is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// Words of the language.
    pub keyword: Style,
    /// Texts.
    pub string: Style,
    /// Numbers and other constants.
    pub constant: Style,
    /// Remarks.
    pub comment: Style,
    /// Names of functions, macros and programs.
    pub function: Style,
    /// Names of types, tags and sections.
    pub kind: Style,
    /// Variables, parameters and attributes that stand out.
    pub variable: Style,
    /// Signs that do something.
    pub operator: Style,
}

impl Theme {
    /// Gives the styles of a palette.
    pub fn of(palette: Palette) -> Theme {
        match palette {
            Palette::Dark => Theme::with(&Colors {
                dim: Some(Color::Indexed(245)),
                accent: Color::Indexed(80),
                good: Color::Indexed(114),
                bad: Color::Indexed(203),
                warning: Color::Indexed(221),
                user: Color::Indexed(117),
                code: Color::Indexed(152),
                link: Color::Indexed(111),
                marks: Some((Color::Indexed(22), Color::Indexed(52))),
                selected: Some(Color::Indexed(238)),
                border: Some(Color::Indexed(240)),
                keyword: Color::Indexed(176),
                string: Color::Indexed(150),
                constant: Color::Indexed(216),
                kind: Color::Indexed(180),
                function: Color::Indexed(111),
                variable: Color::Indexed(152),
            }),
            Palette::Light => Theme::with(&Colors {
                dim: Some(Color::Indexed(242)),
                accent: Color::Indexed(23),
                good: Color::Indexed(22),
                bad: Color::Indexed(124),
                warning: Color::Indexed(130),
                user: Color::Indexed(25),
                code: Color::Indexed(24),
                link: Color::Indexed(26),
                marks: Some((Color::Indexed(194), Color::Indexed(224))),
                selected: Some(Color::Indexed(253)),
                border: Some(Color::Indexed(248)),
                keyword: Color::Indexed(90),
                string: Color::Indexed(28),
                constant: Color::Indexed(130),
                kind: Color::Indexed(94),
                function: Color::Indexed(25),
                variable: Color::Indexed(24),
            }),
            Palette::Sixteen => Theme::with(&Colors {
                dim: None,
                accent: Color::Cyan,
                good: Color::Green,
                bad: Color::Red,
                warning: Color::Yellow,
                user: Color::Blue,
                code: Color::Cyan,
                link: Color::Blue,
                marks: None,
                selected: None,
                border: None,
                keyword: Color::Magenta,
                string: Color::Green,
                constant: Color::Yellow,
                kind: Color::Yellow,
                function: Color::Blue,
                variable: Color::Cyan,
            }),
            Palette::Plain => Theme::plain(),
        }
    }

    fn with(colors: &Colors) -> Theme {
        let plain = Theme::plain();
        let of = |color: Color| Style::new().fg(color);
        let faint = |color: Option<Color>| color.map_or(plain.dim, of);
        let mark = |color: Color, on: Option<Color>| match on {
            Some(on) => of(color).bg(on),
            None => of(color).add_modifier(Modifier::REVERSED),
        };
        let (added_on, removed_on) = colors.marks.unzip();
        Theme {
            text: plain.text,
            dim: faint(colors.dim),
            strong: plain.strong,
            accent: of(colors.accent),
            good: of(colors.good),
            bad: of(colors.bad),
            warning: of(colors.warning),
            user: of(colors.user),
            code: of(colors.code),
            added: of(colors.good),
            removed: of(colors.bad),
            added_mark: mark(colors.good, added_on),
            removed_mark: mark(colors.bad, removed_on),
            selected: colors.selected.map_or(plain.selected, |on| plain.strong.bg(on)),
            border: faint(colors.border),
            link: of(colors.link).add_modifier(Modifier::UNDERLINED),
            reasoning: faint(colors.dim).add_modifier(Modifier::ITALIC),
            syntax: Syntax {
                keyword: of(colors.keyword),
                string: of(colors.string),
                constant: of(colors.constant),
                comment: faint(colors.dim),
                function: of(colors.function),
                kind: of(colors.kind),
                variable: of(colors.variable),
                operator: plain.text,
            },
        }
    }

    fn plain() -> Theme {
        let text = Style::new();
        let dim = text.add_modifier(Modifier::DIM);
        let strong = text.add_modifier(Modifier::BOLD);
        let underlined = text.add_modifier(Modifier::UNDERLINED);
        let reversed = text.add_modifier(Modifier::REVERSED);
        Theme {
            text,
            dim,
            strong,
            accent: strong,
            good: text,
            bad: strong,
            warning: strong,
            user: text,
            code: strong,
            added: text,
            removed: text,
            added_mark: underlined,
            removed_mark: underlined,
            selected: reversed,
            border: dim,
            link: underlined,
            reasoning: dim.add_modifier(Modifier::ITALIC),
            syntax: Syntax {
                keyword: text,
                string: text,
                constant: text,
                comment: dim,
                function: text,
                kind: text,
                variable: text,
                operator: text,
            },
        }
    }
}

/// The colours of a palette; none where an attribute does it.
struct Colors {
    dim: Option<Color>,
    accent: Color,
    good: Color,
    bad: Color,
    warning: Color,
    user: Color,
    code: Color,
    link: Color,
    marks: Option<(Color, Color)>,
    selected: Option<Color>,
    border: Option<Color>,
    keyword: Color,
    string: Color,
    constant: Color,
    kind: Color,
    function: Color,
    variable: Color,
}
