//! Add, Set and Delete: all of it on a draft of the settings, so that a request that may not be done in part changes nothing.

use std::cell::Cell;

use line3_proto::endpoint::Refusal;
use line3_proto::fault::code;
use line3_proto::row::{self, Access, Args, Field};
use line3_proto::usp::ParamError;
use line3_proto::value::{Value, ValueType};
use line3_proto::{Fault, Now};

use super::get::MAX_PATHS;
use super::look::Look;
use super::rights::{Kind, Right};
use crate::settings::{Blame, Edit, MADE_UP, SettingDef, Settings, bulk_data, subscription};

pub(crate) use add::add;
pub(crate) use delete::delete;
pub(crate) use set::set;

mod add;
mod delete;
mod set;

/// The most parameters that one request may set, each counted once for every row that its path matches; beyond it the objects
/// that follow are refused with 7005.
const MAX_WISHES: usize = 4096;

/// The most bytes of a list; a longer one is refused with 7012.
const MAX_LIST: usize = 40 * 1024;

/// Who edits, and when.
pub(crate) struct Editor<'a> {
    /// The path of the editor's Controller row; empty: the agent itself.
    pub(crate) by: &'a str,
    /// The time.
    pub(crate) now: Now,
    /// The only object of the request that is done, by its place in it; `None`: all are.
    pub(crate) only: Option<usize>,
    /// Why that one is refused, whatever it says.
    pub(crate) refused: Option<Refusal>,
    /// How many parameters were asked to be set so far.
    wished: Cell<usize>,
}

impl<'a> Editor<'a> {
    /// The editor of one request.
    pub(crate) fn new(by: &'a str, now: Now) -> Self {
        Self { by, now, only: None, refused: None, wished: Cell::new(0) }
    }

    /// Those of the objects of a request that are to be done.
    fn objects<'o, T>(&self, objects: &'o [T]) -> &'o [T] {
        match self.only {
            Some(index) => objects.get(index..=index).unwrap_or_default(),
            None => objects,
        }
    }

    /// Counts the parameters that are to be set of one row; a row of which none is to be set takes work, too.
    fn count(&self, wishes: usize) -> Result<(), Fault> {
        if wishes > MAX_PATHS {
            let text = format!("{wishes} parameters of one object; at most {MAX_PATHS} are taken");
            return Err(Fault::new(code::INVALID_ARGUMENTS, text));
        }
        self.wished.set(self.wished.get().saturating_add(wishes.max(1)));
        if self.wished.get() > MAX_WISHES {
            let text = format!("more than {MAX_WISHES} parameters are set by one request, all rows counted; ask for less at a time");
            return Err(Fault::new(code::RESOURCES_EXCEEDED, text));
        }
        Ok(())
    }
}

/// One parameter that was asked to be set.
struct Wish<'a> {
    name: &'a str,
    value: &'a str,
    required: bool,
}

/// A row that is edited: all there is to know about it.
struct Target<'a> {
    /// Its concrete path.
    path: &'a str,
    /// Its path in the supported data model.
    template: &'a str,
    /// Its parameters.
    fields: &'static [Field],
    /// What its values were; `None`: it is being added.
    old: Option<&'a Args>,
}

/// What became of the wishes for one row: the new values, and what was wrong with those that were not required.
struct Granted {
    values: Args,
    faults: Vec<(String, Fault)>,
}

/// Why a row was left as it is: the fault, and which parameters are to blame.
struct Denied {
    fault: Fault,
    params: Vec<(String, Fault)>,
}

impl From<Fault> for Denied {
    fn from(fault: Fault) -> Self {
        Self { fault, params: Vec::new() }
    }
}

impl Denied {
    /// Required parameters failed. That something is not permitted is said first, as it is what the asker can do least about.
    fn required(params: Vec<(String, Fault)>) -> Self {
        let forbidden = params.iter().find(|(_, fault)| fault.code == code::PERMISSION_DENIED);
        let fault = match (forbidden, params.first()) {
            (Some((_, fault)), _) => fault.clone(),
            (None, Some((name, first))) => Fault::new(code::REQUIRED_PARAMETER_FAILED, format!("{name}: {}", first.text)),
            (None, None) => Fault::new(code::REQUIRED_PARAMETER_FAILED, "a required parameter failed"),
        };
        Self { fault, params }
    }
}

/// The refusal of a whole request: one fault, and each path to blame with its own.
fn refusal(fault: &Fault, blamed: Vec<(String, Fault)>) -> Refusal {
    let param = |(param_path, fault): (String, Fault)| ParamError { param_path, err_code: fault.code, err_msg: fault.text };
    Refusal { fault: fault.clone(), params: blamed.into_iter().map(param).collect() }
}

/// Refuses to change what another controller's subscription tells or profile reports: each does that with the rights of its own
/// controller, which nobody else is to use. Who may do everything may do this too.
fn is_ones_own(look: &Look<'_>, draft: &Settings, path: &str, editor: &Editor<'_>) -> Result<(), Fault> {
    let owner = match path.strip_prefix(bulk_data::TABLE).and_then(|rest| rest.split('.').next()) {
        Some(profile) => draft.value(&format!("{}{profile}.", bulk_data::TABLE), "Controller"),
        None if path.starts_with(subscription::TABLE) => draft.value(path, "Recipient"),
        None => "",
    };
    let own = owner.is_empty() || owner.trim_end_matches('.') == editor.by.trim_end_matches('.');
    if own || editor.by.is_empty() || look.rights.is_full() {
        return Ok(());
    }
    let text = format!("{path} belongs to {owner}: only it, or who may do everything, may change that");
    Err(Fault::new(code::PERMISSION_DENIED, text))
}

/// The values of a row of a table as they are to be kept. A parameter that is not required and makes no sense is left as it was
/// and listed.
fn settle(
    look: &Look<'_>,
    draft: &Settings,
    def: &SettingDef,
    target: &Target<'_>,
    wishes: &[Wish<'_>],
    editor: &Editor<'_>,
) -> Result<Granted, Denied> {
    let mut left_out: Vec<(String, Fault)> = Vec::new();
    // Each round leaves out one parameter more, so there are at most as many as the row has.
    loop {
        let mut granted = grant(look, target, wishes, &left_out)?;
        if target.old.is_none() {
            make_keys(draft, def, target.path, &mut granted.values);
            fill_in(def, &mut granted.values);
        }
        if target.old.is_some_and(|old| *old == granted.values) {
            // It is as it was, so there is nothing to check.
            granted.faults.extend(left_out);
            return Ok(granted);
        }
        let edit =
            Edit { at: target.path, by: editor.by, now: editor.now, fresh: target.old.is_none(), settings: draft, model: look.model };
        let complete = (def.complete)(&mut granted.values, &edit).and_then(|()| unique(def, draft, target.path, &granted.values));
        let Err((name, fault)) = complete else {
            granted.faults.extend(left_out);
            return Ok(granted);
        };
        match wishes.iter().find(|wish| wish.name == name) {
            Some(wish) if !wish.required && !left_out.iter().any(|(left, _)| left == name) => left_out.push((name.to_owned(), fault)),
            Some(_) if fault.code != code::DUPLICATE_UNIQUE_KEY => return Err(Denied::required(vec![(name.to_owned(), fault)])),
            _ => return Err(Denied { fault: fault.clone(), params: vec![(name.to_owned(), fault)] }),
        }
    }
}

/// Checks each wish by itself, but for those that are left out.
fn grant(look: &Look<'_>, target: &Target<'_>, wishes: &[Wish<'_>], left_out: &[(String, Fault)]) -> Result<Granted, Denied> {
    let mut granted = Granted { values: target.old.cloned().unwrap_or_default(), faults: Vec::new() };
    let mut blamed = Vec::new();
    for wish in wishes.iter().filter(|wish| !left_out.iter().any(|(name, _)| name == wish.name)) {
        match granted_value(look, target, wish) {
            Ok(value) => {
                granted.values.insert(wish.name.to_owned(), value);
            }
            Err(fault) if wish.required => blamed.push((wish.name.to_owned(), fault)),
            Err(fault) => granted.faults.push((wish.name.to_owned(), fault)),
        }
    }
    if blamed.is_empty() { Ok(granted) } else { Err(Denied::required(blamed)) }
}

/// The value to keep for a wish, in the form that it is always kept in.
fn granted_value(look: &Look<'_>, target: &Target<'_>, wish: &Wish<'_>) -> Result<String, Fault> {
    let Target { path, template, fields, old } = target;
    let Some(field) = fields.iter().find(|field| field.name == wish.name) else {
        return Err(Fault::new(code::UNSUPPORTED_PARAMETER, format!("{template} has no parameter {}", wish.name)));
    };
    if !look.rights.allows(Kind::Param, Right::Write, &format!("{path}{}", field.name)) {
        let text = format!("your roles do not let you set {path}{}", field.name);
        return Err(Fault::new(code::PERMISSION_DENIED, text));
    }
    let kept = old.and_then(|old| old.get(field.name)).map_or("", String::as_str);
    match field.access {
        Access::ReadOnly => return Err(Fault::new(code::NOT_WRITABLE, format!("{} is read-only", field.name))),
        Access::WriteOnce if !kept.is_empty() && kept != wish.value => {
            return Err(Fault::new(code::NOT_WRITABLE, format!("{} was set once and stays so", field.name)));
        }
        Access::WriteOnce | Access::ReadWrite => {}
    }
    field.check(wish.value)?;
    if field.shape.list && wish.value.len() > MAX_LIST {
        return Err(Fault::new(code::INVALID_VALUE, format!("{} takes at most {MAX_LIST} bytes, not {}", field.name, wish.value.len())));
    }
    if field.name == "Alias" && target.old.is_none() {
        check_alias(wish.value, path)?;
    }
    Ok(match field.shape.ty {
        ValueType::Boolean if !field.shape.list => bool::read(wish.value).unwrap_or_default().write(),
        ty if ty.is_number() && !field.shape.list => wish.value.trim().to_owned(),
        _ => wish.value.to_owned(),
    })
}

/// Refuses an Alias that is none (TR-106): it begins with a letter, so that it is no instance number, and what begins with `cpe-` is
/// the agent's to give.
fn check_alias(alias: &str, path: &str) -> Result<(), Fault> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let text = if !alias.starts_with(|first: char| first.is_ascii_alphabetic()) || !alias.bytes().all(fine) {
        format!("an Alias is a letter and then letters, digits, - or _, which {alias:?} is not")
    } else if alias.starts_with(MADE_UP) && alias != made_up(path) {
        format!("Alias {alias:?}: names that begin with {MADE_UP} are the agent's to give; leave it out or choose another")
    } else {
        return Ok(());
    };
    Err(Fault::new(code::INVALID_VALUE, text))
}

/// The name that the agent makes up for a row.
fn made_up(path: &str) -> String {
    format!("{MADE_UP}{}", path.trim_end_matches('.').rsplit('.').next().unwrap_or(""))
}

/// Makes up the unique keys that were not given (R-ADD.5): `cpe-` and the instance number, or the next free number.
fn make_keys(draft: &Settings, def: &SettingDef, path: &str, values: &mut Args) {
    let table = super::model::parent(path.trim_end_matches('.'));
    for name in def.keys.iter().copied().flatten().copied() {
        let Some(field) = def.fields.iter().find(|field| field.name == name) else { continue };
        if field.access == Access::ReadOnly || values.get(name).is_some_and(|value| !value.is_empty()) {
            continue;
        }
        let others = || draft.rows(table).filter(|(other, _)| *other != path).filter_map(|(_, args)| args.get(name));
        if field.shape.ty.is_number() {
            let highest = others().filter_map(|value| value.parse::<u32>().ok()).max();
            values.insert(name.to_owned(), highest.map_or(1, |highest| highest.saturating_add(1)).to_string());
        } else if field.shape.values.is_empty() {
            let mut key = made_up(path);
            // Somebody may have chosen just this name.
            while others().any(|other| *other == key) {
                key.push('-');
            }
            values.insert(name.to_owned(), key);
        }
    }
}

/// Fills in what a new row has when nothing else was said, so that a later firmware with other defaults does not change it.
fn fill_in(def: &SettingDef, values: &mut Args) {
    let writable = def.fields.iter().filter(|field| field.access != Access::ReadOnly);
    for (field, default) in writable.filter_map(|field| Some((field, field.default.copied()?))) {
        values.entry(field.name.to_owned()).or_insert_with(|| default.to_owned());
    }
}

/// Refuses a row whose unique keys another row of its table has.
fn unique(def: &SettingDef, draft: &Settings, path: &str, values: &Args) -> Result<(), Blame> {
    let table = super::model::parent(path.trim_end_matches('.'));
    fn of<'a>(args: &'a Args, name: &str) -> &'a str {
        args.get(name).map_or("", String::as_str)
    }
    for key in def.keys {
        let same = |other: &Args| key.iter().all(|name| of(other, name) == of(values, name));
        if let Some((other, _)) = draft.rows(table).find(|(other, args)| *other != path && same(args)) {
            let shown: Vec<String> = key.iter().map(|name| format!("{name}={}", of(values, name))).collect();
            let fault = Fault::new(code::DUPLICATE_UNIQUE_KEY, format!("{other} already has {}", shown.join(", ")));
            return Err((key.last().copied().unwrap_or(""), fault));
        }
    }
    Ok(())
}

/// What an answer tells of these parameters: those that the asker may read, and of a secret only that there is one.
fn told<'a>(look: &Look<'_>, target: &Target<'_>, values: &Args, names: impl Iterator<Item = &'a str>) -> Args {
    let value = |name: &str| {
        let secret = target.fields.iter().any(|field| field.name == name && field.secret);
        Some(if secret { String::new() } else { values.get(name)?.clone() })
    };
    let readable = |name: &&str| look.rights.allows(Kind::Param, Right::Read, &format!("{}{name}", target.path));
    row::map(names.filter(readable).filter_map(|name| Some((name.to_owned(), value(name)?))))
}
