//! Things to look at. An Object is one file: path, documentation, typed fields, how to read it, and its test. Adding one
//! touches that file and one line of [`OBJECTS`].

use line3_proto::row::{Args, Field, Row};
use line3_proto::value::Known;
use line3_proto::{Fault, fault::code};

use crate::view::View;

/// A thing to look at. It cannot act.
pub trait Object {
    /// Its path in the supported data model, ending in a dot; `{i}` stands for an instance number.
    const PATH: &'static str;
    /// What it is.
    const DOC: &'static str;
    /// The sets of parameters that are unique in the table (none for an object that is no table).
    const KEYS: &'static [&'static [&'static str]] = &[];
    /// Its parameters.
    type Row: Row;
    /// Looks. An object that is no table, in no table, gives one row; a table gives a row an instance. A fault says that
    /// nothing can be known about it, and why.
    fn read(view: &View<'_>) -> Result<Vec<Found<Self::Row>>, Fault>;
}

/// A row that was found, with what names it: one key for each `{i}` of the path, parents first. The engine alone maps keys to
/// instance numbers: stable while the row lives, never used again in the same run.
#[derive(Clone, Debug)]
pub struct Found<R> {
    /// The keys.
    pub keys: Vec<String>,
    /// The values.
    pub row: R,
}

impl<R> Found<R> {
    /// The only row of an object that is no table.
    pub fn single(row: R) -> Vec<Self> {
        vec![Self { keys: Vec::new(), row }]
    }

    /// A row of a table.
    pub fn keyed<K: Into<String>>(keys: impl IntoIterator<Item = K>, row: R) -> Self {
        Self { keys: keys.into_iter().map(Into::into).collect(), row }
    }
}

/// A row as the engine handles it: keys, and every value by name.
pub struct AnyRow {
    /// One key for each `{i}` of the path.
    pub keys: Vec<String>,
    /// The values, in the order of the fields.
    pub values: Vec<(&'static str, Known<String>)>,
}

/// An Object as the engine handles it.
pub struct ObjectDef {
    /// [`Object::PATH`].
    pub path: &'static str,
    /// [`Object::DOC`].
    pub doc: &'static str,
    /// [`Object::KEYS`].
    pub keys: &'static [&'static [&'static str]],
    /// Its fields.
    pub fields: &'static [Field],
    /// [`Object::read`].
    pub read: fn(&View<'_>) -> Result<Vec<AnyRow>, Fault>,
}

impl ObjectDef {
    /// The definition of an Object, for [`OBJECTS`].
    #[must_use]
    pub const fn of<O: Object>() -> Self {
        Self { path: O::PATH, doc: O::DOC, keys: O::KEYS, fields: O::Row::FIELDS, read: read_any::<O> }
    }
}

fn read_any<O: Object>(view: &View<'_>) -> Result<Vec<AnyRow>, Fault> {
    let depth = O::PATH.matches("{i}").count();
    let rows = O::read(view)?;
    rows.into_iter()
        .map(|found| {
            if found.keys.len() != depth {
                return Err(Fault::new(code::INTERNAL, format!("{} gave a row with {} keys, not {depth}", O::PATH, found.keys.len())));
            }
            // A row emits its fields in their order, so the names need not be copied.
            let mut names = O::Row::FIELDS.iter().map(|field| field.name);
            let mut values = Vec::with_capacity(O::Row::FIELDS.len());
            found.row.emit(&mut |_, value| {
                if let Some(name) = names.next() {
                    values.push((name, value));
                }
            });
            Ok(AnyRow { keys: found.keys, values })
        })
        .collect()
}

/// The values of an object's first row by name, for tests.
#[doc(hidden)]
pub fn first_row<O: Object>(view: &View<'_>) -> Result<Args, Fault> {
    Ok(O::read(view)?.first().map(|found| found.row.to_args()).unwrap_or_default())
}

/// Every Object, by path.
pub const OBJECTS: &[ObjectDef] = &[];
