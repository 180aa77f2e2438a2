//! Instance numbers of rows that the box has and nobody numbers.

use line3_proto::sorted::{Map, Set};

/// Instance numbers, by what names a row: stable while the row lives, never used again in this run.
#[derive(Default)]
pub(crate) struct Numbers {
    /// By the concrete path of the table. Bounded by the rows that the box had when each table was last read: a row that is gone
    /// leaves, with the tables in it.
    tables: Map<String, Numbered>,
}

#[derive(Default)]
struct Numbered {
    highest: u32,
    by_key: Map<String, u32>,
}

impl Numbers {
    pub(super) fn number(&mut self, table: &str, key: &str) -> u32 {
        if !self.tables.contains_key(table) {
            self.tables.insert(table.to_owned(), Numbered::default());
        }
        let Some(numbered) = self.tables.get_mut(table) else { return 0 };
        if let Some(number) = numbered.by_key.get(key) {
            return *number;
        }
        numbered.highest = numbered.highest.saturating_add(1);
        numbered.by_key.insert(key.to_owned(), numbered.highest);
        numbered.highest
    }

    /// Forgets the rows of a table that are not among these numbers, and the tables in them.
    pub(super) fn keep(&mut self, table: &str, numbers: &Set<u32>) {
        let Some(numbered) = self.tables.get_mut(table) else { return };
        let mut gone = Vec::new();
        numbered.by_key.retain(|_, number| {
            let stays = numbers.contains(number);
            if !stays {
                gone.push(format!("{table}{number}."));
            }
            stays
        });
        // The number of a row that is gone is never used again, so neither are the paths of its tables.
        for row in gone {
            self.tables.retain(|table, _| !table.starts_with(&row));
        }
    }
}

/// The instance numbers in a concrete path, if it is one of this template.
pub(super) fn numbers_in(template: &str, path: &str) -> Option<Vec<u32>> {
    let (mut levels, mut numbers) = (path.split('.'), Vec::new());
    for expected in template.split('.') {
        let level = levels.next()?;
        if expected == "{i}" {
            numbers.push(level.parse().ok()?);
        } else if expected != level {
            return None;
        }
    }
    levels.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_is_never_used_again_and_leaves_nothing_behind() {
        let mut numbers = Numbers::default();
        assert_eq!((numbers.number("T.", "a"), numbers.number("T.", "b"), numbers.number("T.", "a")), (1, 2, 1));
        assert_eq!((numbers.number("T.1.U.", "x"), numbers.number("T.2.U.", "x")), (1, 1));
        numbers.keep("T.", &[2].into_iter().collect());
        assert_eq!(numbers.tables.keys().collect::<Vec<_>>(), ["T.", "T.2.U."]);
        assert_eq!((numbers.number("T.", "a"), numbers.number("T.", "b")), (3, 2));
        numbers.keep("T.", &Set::new());
        assert_eq!(numbers.number("T.", "a"), 4);
        assert_eq!(numbers.tables.len(), 1);
    }

    #[test]
    fn the_numbers_of_a_path() {
        assert_eq!(numbers_in("A.{i}.B.{i}.", "A.3.B.14."), Some(vec![3, 14]));
        for path in ["A.3.B.", "A.3.C.14.", "A.x.B.14.", "A.3.B.14.C.", ""] {
            assert_eq!(numbers_in("A.{i}.B.{i}.", path), None, "{path}");
        }
    }
}
