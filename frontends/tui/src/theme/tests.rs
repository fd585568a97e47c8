use super::*;

fn styles(theme: &Theme) -> Vec<(&'static str, Style)> {
    let Theme {
        text,
        dim,
        strong,
        accent,
        good,
        bad,
        warning,
        user,
        code,
        added,
        removed,
        added_mark,
        removed_mark,
        selected,
        border,
        link,
        reasoning,
        syntax,
    } = theme;
    let Syntax { keyword, string, constant, comment, function, kind, variable, operator } = syntax;
    vec![
        ("text", *text),
        ("dim", *dim),
        ("strong", *strong),
        ("accent", *accent),
        ("good", *good),
        ("bad", *bad),
        ("warning", *warning),
        ("user", *user),
        ("code", *code),
        ("added", *added),
        ("removed", *removed),
        ("added_mark", *added_mark),
        ("removed_mark", *removed_mark),
        ("selected", *selected),
        ("border", *border),
        ("link", *link),
        ("reasoning", *reasoning),
        ("keyword", *keyword),
        ("string", *string),
        ("constant", *constant),
        ("comment", *comment),
        ("function", *function),
        ("kind", *kind),
        ("variable", *variable),
        ("operator", *operator),
    ]
}

/// Gives the colour of an entry above 15 of the table that terminals share.
fn rgb(color: Color) -> [f64; 3] {
    let Color::Indexed(index) = color else { panic!("{color:?} is not of the table") };
    match index {
        0..16 => panic!("{index} is whatever the user set"),
        16..232 => {
            let level = |at: u8| if at == 0 { 0.0 } else { f64::from(at) * 40.0 + 55.0 };
            let at = index - 16;
            [level(at / 36), level(at / 6 % 6), level(at % 6)]
        }
        232.. => [f64::from(index - 232) * 10.0 + 8.0; 3],
    }
}

fn luminance(color: [f64; 3]) -> f64 {
    let [red, green, blue] = color.map(|part| {
        let part = part / 255.0;
        if part <= 0.03928 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn what_is_to_be_read_stands_out_from_its_background() {
    for (palette, ground) in [(Palette::Dark, [30.0; 3]), (Palette::Light, [255.0; 3])] {
        for (name, style) in styles(&Theme::of(palette)) {
            let Some(color) = style.fg else { continue };
            let on = style.bg.map_or(ground, rgb);
            // The borders are no text.
            let least = if name == "border" { 2.0 } else { 4.5 };
            let found = contrast(rgb(color), on);
            assert!(found >= least, "{name} of {palette:?}: {found:.1}");
        }
    }
}

#[test]
fn the_plain_palette_has_no_colour() {
    for (name, style) in styles(&Theme::of(Palette::Plain)) {
        assert_eq!((style.fg, style.bg), (None, None), "{name}");
    }
}

#[test]
fn the_sixteen_are_the_terminals_own() {
    for (name, style) in styles(&Theme::of(Palette::Sixteen)) {
        for color in [style.fg, style.bg].into_iter().flatten() {
            let own = !matches!(color, Color::Indexed(_) | Color::Rgb(..));
            assert!(own, "{name}: {color:?}");
        }
    }
}
