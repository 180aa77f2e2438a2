//! The only file that writes to the terminal. Every text passes [`safe`] on its way, so nothing that a box or a server said can
//! move the cursor, and all colour is made here.
#![allow(clippy::disallowed_methods, reason = "the command line lives in real time")]

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::SystemTime;

use comfy_table::{Attribute, Cell as Styled, CellAlignment, Color, ColumnConstraint, ContentArrangement, presets};
use line3_proto::Wall;

use super::Exit;
use crate::report::is_unsafe;

/// How wide lines may be where nobody said.
const WIDTH: usize = 100;

/// What a text is to look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    /// Like any other.
    #[default]
    Plain,
    /// All is well.
    Good,
    /// Something is wrong.
    Bad,
    /// Something is on its way, or to be noticed.
    Busy,
    /// In the background.
    Dim,
    /// A heading.
    Bold,
}

impl Tone {
    const fn ansi(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Busy => "\x1b[33m",
            Self::Dim => "\x1b[2m",
            Self::Bold => "\x1b[1m",
        }
    }
}

/// Where output goes, and what it may look like.
pub struct Screen {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// Lines and tables fit into this; `None`: no matter (piped).
    width: Option<u16>,
    colour: bool,
    /// Whether stderr has a line that can be written over.
    moving: bool,
    /// The moving line, or the last progress that was written.
    progress: String,
    now: Option<Wall>,
    interrupts: bool,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("width", &self.width).field("colour", &self.colour).finish_non_exhaustive()
    }
}

impl Screen {
    /// The process's stdout and stderr: coloured and as wide as the terminal if they are one.
    #[must_use]
    pub fn standard() -> Self {
        let terminal = io::stdout().is_terminal();
        let dumb = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            width: comfy_table::Table::new().width().filter(|width| *width > 0),
            colour: terminal && !dumb,
            moving: io::stderr().is_terminal() && !dumb,
            progress: String::new(),
            now: None,
            interrupts: true,
        }
    }

    /// A screen that is no terminal, at a time of its own; Ctrl-C is left alone.
    #[must_use]
    pub fn piped(out: Box<dyn Write>, err: Box<dyn Write>, now: Wall) -> Self {
        Self { out, err, width: None, colour: false, moving: false, progress: String::new(), now: Some(now), interrupts: false }
    }

    /// The same, as a terminal of so many columns without colours.
    #[must_use]
    pub fn columns(mut self, width: u16) -> Self {
        self.width = Some(width);
        self
    }

    /// What time it is.
    pub(super) fn now(&self) -> Wall {
        self.now.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
        })
    }

    /// Whether Ctrl-C is to be caught.
    pub(super) fn interrupts(&self) -> bool {
        self.interrupts
    }

    /// Whether somebody looks at it: ids are shortened and points thinned then.
    pub(super) fn is_terminal(&self) -> bool {
        self.width.is_some()
    }

    /// How many columns a line may take.
    pub(super) fn width(&self) -> usize {
        self.width.map_or(WIDTH, usize::from)
    }

    /// A line.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        self.toned(Tone::Plain, text)
    }

    /// A line that looks like something.
    pub(super) fn toned(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        self.clear()?;
        let text = safe(text);
        if self.colour && tone != Tone::Plain { writeln!(self.out, "{}{text}\x1b[0m", tone.ansi()) } else { writeln!(self.out, "{text}") }
    }

    /// JSON as it came, on one line; what must not reach a terminal is written as JSON's `\u`.
    pub(super) fn json(&mut self, text: &str) -> io::Result<()> {
        self.clear()?;
        writeln!(self.out, "{}", safe_json(text))
    }

    /// A script of our own, as it is.
    pub(super) fn script(&mut self, script: &[u8]) -> io::Result<Exit> {
        self.out.write_all(script)?;
        Ok(Exit::Done)
    }

    /// A table. Rows without cells are not drawn, nor is a table without rows.
    pub(super) fn table(&mut self, table: &Table) -> io::Result<()> {
        self.clear()?;
        table.draw(self.width, self.colour).iter().try_for_each(|line| writeln!(self.out, "{line}"))
    }

    /// A line on stderr.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        self.clear()?;
        writeln!(self.err, "{}", safe(text))
    }

    /// How far something is: one moving line on a terminal, else a line for each change.
    pub(super) fn progress(&mut self, text: &str) -> io::Result<()> {
        let text = safe(text);
        if self.moving {
            let cut: String = text.chars().take(self.width().saturating_sub(1)).collect();
            write!(self.err, "\r\x1b[K{cut}")?;
            self.err.flush()?;
        } else if self.progress != text {
            writeln!(self.err, "{text}")?;
        }
        self.progress = text;
        Ok(())
    }

    /// Takes the moving line away.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        if self.moving && !self.progress.is_empty() {
            self.progress.clear();
            write!(self.err, "\r\x1b[K")?;
            self.err.flush()?;
        }
        Ok(())
    }

    /// Whether there is a moving line.
    pub(super) fn moves(&self) -> bool {
        self.moving
    }
}

/// A text without anything that is not a visible character or a blank.
fn safe(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).filter(|c| !is_unsafe(*c)).collect()
}

/// JSON that means the same, on one line, without anything that a terminal acts on.
fn safe_json(text: &str) -> String {
    use std::fmt::Write;
    let mut safe = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            // Outside of strings these are blanks, inside JSON has none.
            '\n' | '\r' | '\t' => safe.push(' '),
            // All of them have four digits. Writing into a String cannot fail.
            c if is_unsafe(c) => drop(write!(safe, "\\u{:04x}", u32::from(c))),
            c => safe.push(c),
        }
    }
    safe
}

/// A cell of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(super) fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, tone: Tone::Plain }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), tone: Tone::Plain }
    }
}

/// A table without lines: columns two blanks apart, cells wrapped to the width of the terminal.
#[derive(Debug, Default)]
pub(super) struct Table {
    header: Vec<&'static str>,
    right: Vec<usize>,
    whole: Vec<usize>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these columns; without a header if they are all empty.
    pub(super) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), ..Self::default() }
    }

    /// These columns hold numbers: they stand to the right.
    pub(super) fn right(mut self, columns: &[usize]) -> Self {
        self.right = columns.to_vec();
        self
    }

    /// These columns are never broken, as people copy them.
    pub(super) fn whole(mut self, columns: &[usize]) -> Self {
        self.whole = columns.to_vec();
        self
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    fn draw(&self, width: Option<u16>, colour: bool) -> Vec<String> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        // A column in which nothing stands is left out.
        let used: Vec<usize> = (0..self.header.len())
            .filter(|column| self.rows.iter().any(|row| row.get(*column).is_some_and(|cell| !cell.text.is_empty())))
            .collect();
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).force_no_tty();
        if colour {
            table.enforce_styling();
        }
        if let Some(width) = width {
            table.set_width(width);
        }
        let cell = |column: usize, cell: &Cell| {
            let styled = Styled::new(safe(&cell.text));
            let styled = if self.right.contains(&column) { styled.set_alignment(CellAlignment::Right) } else { styled };
            match cell.tone {
                Tone::Plain => styled,
                Tone::Good => styled.fg(Color::DarkGreen),
                Tone::Bad => styled.fg(Color::DarkRed),
                Tone::Busy => styled.fg(Color::DarkYellow),
                Tone::Dim => styled.add_attribute(Attribute::Dim),
                Tone::Bold => styled.add_attribute(Attribute::Bold),
            }
        };
        if self.header.iter().any(|title| !title.is_empty()) {
            let titles = used.iter().filter_map(|at| Some(cell(*at, &Cell::toned(Tone::Bold, self.header.get(*at)?.to_uppercase()))));
            table.set_header(titles.collect::<Vec<_>>());
        }
        for row in &self.rows {
            table.add_row(used.iter().filter_map(|at| Some(cell(*at, row.get(*at)?))).collect::<Vec<_>>());
        }
        for (column, at) in table.column_iter_mut().zip(&used) {
            column.set_padding((0, 2));
            if self.whole.contains(at) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(id: &str, words: &str) -> Table {
        let mut table = Table::new(&["id", "nothing", "words", "n"]).right(&[3]).whole(&[0]);
        table.row([id.into(), "".into(), words.into(), "7".into()]);
        table.row(["b".into(), "".into(), "".into(), "1234".into()]);
        table
    }

    #[test]
    fn a_piped_table_is_aligned_text() {
        assert_eq!(table("a1", "one two").draw(None, false), ["ID  WORDS       N", "a1  one two     7", "b            1234"]);
    }

    #[test]
    fn a_table_fits_the_terminal() {
        let words = "a long text that does not fit into a line of a small terminal at all";
        for width in [30_u16, 40, 80] {
            let lines = table("os::00256D-0001", words).draw(Some(width), false);
            assert!(lines.iter().all(|line| line.chars().count() <= usize::from(width)), "{lines:#?}");
            assert!(lines.iter().any(|line| line.contains("os::00256D-0001")), "{lines:#?}");
        }
    }

    #[test]
    fn nothing_hostile_comes_through() {
        let hostile = "a\x1b[2J\u{9b}31m\u{202e}b\nc\td";
        assert_eq!(safe(hostile), "a[2J31mb c d");
        assert_eq!(table(hostile, "x").draw(None, false).get(1).map(String::as_str), Some("a[2J31mb c d  x         7"));
        assert_eq!(safe_json("{\"a\":\n\"\u{9b}\u{202e}é\"}\n"), "{\"a\": \"\\u009b\\u202eé\"}");
    }
}
