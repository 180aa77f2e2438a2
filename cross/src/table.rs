//! A table of text, without lines: columns two blanks apart, as wide as the terminal.

use comfy_table::{CellAlignment, ContentArrangement, presets};

/// The narrowest terminal for which the last column is cut.
const NARROW: u16 = 60;

/// A table.
#[derive(Debug)]
pub struct Table {
    header: Vec<&'static str>,
    right: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// One with these columns.
    #[must_use]
    pub fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), right: header.len(), rows: Vec::new() }
    }

    /// The columns from this one on hold numbers: they stand to the right.
    #[must_use]
    pub fn right(mut self, from: usize) -> Self {
        self.right = from;
        self
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

impl Table {
    /// Its lines. On a terminal they fit: what is too long for its last column is cut.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.draw(comfy_table::Table::new().width().filter(|width| *width >= NARROW))
    }

    fn draw(&self, width: Option<u16>) -> Vec<String> {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
        table.set_header(self.header.iter().map(|title| title.to_uppercase()));
        table.add_rows(&self.rows);
        for (at, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if at >= self.right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let width = width.map_or(usize::MAX, usize::from);
        table.lines().map(|line| line.trim_end().chars().take(width).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_left_and_numbers_right() {
        let mut table = Table::new(&["name", "n"]).right(1);
        table.row(["a".to_owned(), "1,000".to_owned()]);
        table.row(["bcdef".to_owned(), "7".to_owned()]);
        assert_eq!(table.draw(None), ["NAME       N", "a      1,000", "bcdef      7"]);
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        let mut table = Table::new(&["n", "name"]);
        table.row(["1".to_owned(), "x".repeat(100)]);
        assert_eq!(table.draw(Some(60)).iter().map(|line| line.chars().count()).max(), Some(60));
        assert_eq!(table.draw(None).iter().map(|line| line.chars().count()).max(), Some(103));
    }
}
