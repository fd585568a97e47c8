//! What measuring programs print, and the table made of it. Pure.

use serde::{Deserialize, Serialize};

/// One figure of one program, as a line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    figure: String,
    /// None where a crate measures itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    unit: String,
    samples: Vec<f64>,
}

impl Figure {
    /// Gives it as it was read, with a line break.
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    fn median(&self) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted[..] {
            [] => f64::NAN,
            _ if sorted.len() % 2 == 1 => sorted[sorted.len() / 2],
            _ => (sorted[sorted.len() / 2 - 1] + sorted[sorted.len() / 2]) / 2.0,
        }
    }

    /// Words the median and, of more than one sample, the range.
    fn shown(&self) -> String {
        let bounds = (self.samples.iter().copied().reduce(f64::min))
            .zip(self.samples.iter().copied().reduce(f64::max));
        match bounds {
            Some((low, high)) if self.samples.len() > 1 => {
                format!("{} ({}–{})", number(self.median()), number(low), number(high))
            }
            Some(_) | None => number(self.median()),
        }
    }
}

/// Reads the lines of a measuring program.
pub(crate) fn read(output: &str) -> Result<Vec<Figure>, String> {
    let figure = |line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}"));
    output.lines().map(figure).collect()
}

/// Makes a table: a row for each figure, a column for each program, and how each of the others
/// compares with ours: ours divided by theirs, so that less than 1 is less time or memory.
pub(crate) fn show(figures: &[Figure]) -> String {
    let mut agents: Vec<&str> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for figure in figures {
        let agent = figure.agent.as_deref().unwrap_or(OURS);
        if !agents.contains(&agent) {
            agents.push(agent);
        }
        if !names.contains(&&*figure.figure) {
            names.push(&figure.figure);
        }
    }
    // Ours is always there, and stands first.
    agents.sort_by_key(|agent| *agent != OURS);
    let others = agents.get(1..).unwrap_or_default();
    let mut head = vec!["figure".to_owned(), "unit".to_owned()];
    head.extend(agents.iter().map(|agent| (*agent).to_owned()));
    head.extend(others.iter().map(|agent| format!("{OURS} / {agent}")));
    let mut rows = vec![head];
    for name in names {
        let of = |agent: &str| {
            let ours = |figure: &&Figure| figure.agent.as_deref().unwrap_or(OURS) == agent;
            figures.iter().filter(|figure| figure.figure == name).find(ours)
        };
        let unit = figures.iter().find(|figure| figure.figure == name).map(|f| f.unit.clone());
        let mut row = vec![name.to_owned(), unit.unwrap_or_default()];
        row.extend(agents.iter().map(|agent| of(agent).map_or_else(String::new, Figure::shown)));
        row.extend(others.iter().map(|agent| match (of(OURS), of(agent)) {
            (Some(ours), Some(theirs)) => format!("{:.2}", ours.median() / theirs.median()),
            (None, _) | (_, None) => String::new(),
        }));
        rows.push(row);
    }
    align(&rows)
}

/// The column of what is measured by itself, and of our own program.
const OURS: &str = "codex";

fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let head = rows.first().map_or_else(String::new, line);
    let rest: String = rows.iter().skip(1).map(line).collect();
    format!("{head}{}{rest}", line(&rule))
}

/// Three digits that count, whatever the size.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"figure":"fold","unit":"ns","samples":[3.0,1.0,2.0,10.0]}
{"figure":"start","agent":"codex","unit":"ms","samples":[1.5]}
{"figure":"start","agent":"other","unit":"ms","samples":[6.0,5.0,7.0]}
"#;

    #[test]
    fn figures_become_rows_and_programs_columns() {
        let figures = read(LINES).expect("figures");
        assert_eq!(
            show(&figures),
            "\
| figure | unit | codex            | other            | codex / other |
| ------ | ---- | ---------------- | ---------------- | ------------- |
| fold   | ns   | 2.50 (1.00–10.0) |                  |               |
| start  | ms   | 1.50             | 6.00 (5.00–7.00) | 0.25          |
"
        );
    }

    #[test]
    fn lines_survive_being_read() {
        let figures = read(LINES).expect("figures");
        assert_eq!(figures.iter().map(Figure::line).collect::<String>(), LINES);
        assert!(read("{}").expect_err("no figure").ends_with(": {}"));
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown = [0.0123, 0.25, 1.0, 9.994, 9.999, 47.04, 99.99, 1234.5].map(number);
        assert_eq!(shown, ["0.012", "0.250", "1.00", "9.99", "10.0", "47.0", "100", "1234"]);
    }
}
