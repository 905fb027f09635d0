//! Text for a terminal: tables whose last column wraps below itself, and colour where it is wanted.
//!
//! What comes from elsewhere is shown without its control characters.

use std::io::{self, IsTerminal, Write};

/// What is written on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paper {
    /// Columns; `None` where lines may be as long as they are.
    width: Option<usize>,
    colour: bool,
}

/// How something is shown where there is colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ink {
    /// As everything else.
    Plain,
    /// Headings.
    Faint,
    /// As it should be; added.
    Good,
    /// Worth a look; changed.
    Warning,
    /// Wrong; removed.
    Bad,
}

impl Paper {
    /// Standard output: its width and colours if it is a terminal that has them.
    pub(super) fn stdout() -> Self {
        let out = io::stdout();
        if !out.is_terminal() {
            return Self::PLAIN;
        }
        let size = rustix::termios::tcgetwinsize(&out).ok();
        let width = size.map(|size| usize::from(size.ws_col));
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            width: width.filter(|width| *width > 0),
            colour: !no_colour && !dumb,
        }
    }

    /// A file or a pipe.
    pub(super) const PLAIN: Self = Self {
        width: None,
        colour: false,
    };

    /// `text` in `ink`.
    pub(super) fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Faint => 2,
            Ink::Good => 32,
            Ink::Warning => 33,
            Ink::Bad => 31,
            Ink::Plain => return text.to_owned(),
        };
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// Rows under headings. A heading that begins with `>` has its column aligned to the right.
pub(super) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<(Ink, Vec<String>)>,
}

impl Table {
    pub(super) fn new(headings: &[&'static str]) -> Self {
        Self {
            headings: headings.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: as many cells as there are headings.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.inked(Ink::Plain, cells);
    }

    /// Adds a row in `ink`.
    pub(super) fn inked<const N: usize>(&mut self, ink: Ink, cells: [String; N]) {
        let cells = cells.iter().map(|cell| clean(cell));
        self.rows.push((ink, cells.collect()));
    }

    /// Writes headings and rows; without rows, `nothing`.
    pub(super) fn print(&self, out: &mut dyn Write, paper: Paper, nothing: &str) -> io::Result<()> {
        if self.rows.is_empty() {
            return writeln!(out, "{nothing}");
        }
        let right: Vec<bool> = self.headings.iter().map(|h| h.starts_with('>')).collect();
        let headings = self.headings.iter().map(|h| h.trim_start_matches('>'));
        let headings: Vec<String> = headings.map(str::to_owned).collect();
        let mut widths: Vec<usize> = headings.iter().map(|h| h.chars().count()).collect();
        for (_, row) in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let lines = [(Ink::Faint, &headings)].into_iter();
        let lines = lines.chain(self.rows.iter().map(|(ink, row)| (*ink, row)));
        for (ink, row) in lines {
            for line in lay_out(row, &widths, &right, paper.width) {
                writeln!(out, "{}", paper.paint(ink, &line))?;
            }
        }
        Ok(())
    }
}

/// One row as lines: more than one where the last cell does not fit.
fn lay_out(row: &[String], widths: &[usize], right: &[bool], paper: Option<usize>) -> Vec<String> {
    let Some((last, first)) = row.split_last() else {
        return Vec::new();
    };
    let mut line = String::new();
    for ((cell, width), right) in first.iter().zip(widths).zip(right) {
        match right {
            true => line.push_str(&format!("{cell:>width$}  ")),
            false => line.push_str(&format!("{cell:<width$}  ")),
        }
    }
    let indent = line.chars().count();
    let last_width = widths.last().copied().unwrap_or(0);
    if right.last() == Some(&true) {
        return vec![format!("{line}{last:>last_width$}")];
    }
    let room = paper.map_or(usize::MAX, |paper| paper.saturating_sub(indent));
    let mut lines: Vec<String> = Vec::new();
    for piece in wrap(last, room.max(NARROWEST)) {
        lines.push(format!("{line}{piece}").trim_end().to_owned());
        line = " ".repeat(indent);
    }
    lines
}

/// `text` in lines of at most `width` characters, cut between words where that is possible.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let needed = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && needed > width {
            lines.push(std::mem::take(&mut line));
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// `text` without control characters: names and messages must not steer a terminal.
pub(super) fn clean(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

const NARROWEST: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: Option<usize>) -> String {
        let mut table = Table::new(&["CELL", ">FRAMES", "MESSAGE"]);
        table.row([
            "cell-1".into(),
            "7".into(),
            "du-1 is lost and du-2 takes over from it".into(),
        ]);
        table.row(["c".into(), "1,234".into(), "x\x1b[2J".into()]);
        let mut out = Vec::new();
        let paper = Paper {
            width,
            colour: false,
        };
        table.print(&mut out, paper, "nothing").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let expected = "\
CELL    FRAMES  MESSAGE
cell-1       7  du-1 is lost and du-2 takes over from it
c        1,234  x\u{fffd}[2J
";
        assert_eq!(table(None), expected);
    }

    #[test]
    fn the_last_column_wraps_below_itself() {
        let expected = "\
CELL    FRAMES  MESSAGE
cell-1       7  du-1 is lost and du-2
                takes over from it
c        1,234  x\u{fffd}[2J
";
        assert_eq!(table(Some(40)), expected);
    }

    #[test]
    fn an_empty_table_says_so() {
        let mut out = Vec::new();
        Table::new(&["CELL"])
            .print(&mut out, Paper::PLAIN, "no cells")
            .unwrap();
        assert_eq!(out, b"no cells\n");
    }

    #[test]
    fn colour_is_only_where_it_is_wanted() {
        let coloured = Paper {
            width: None,
            colour: true,
        };
        assert_eq!(coloured.paint(Ink::Bad, "x"), "\x1b[31mx\x1b[0m");
        assert_eq!(Paper::PLAIN.paint(Ink::Bad, "x"), "x");
    }
}
