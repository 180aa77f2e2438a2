//! Reads a path, once from left to right.

use std::fmt::Write;

use super::literal::unescape;
use super::{Condition, Item, Literal, MAX_CONDITIONS, MAX_LEN, MAX_SEGMENTS, Op, Path, Segment, Target};
use crate::Fault;
use crate::fault::code::INVALID_PATH_SYNTAX;

pub(super) fn path(text: &str) -> Result<Path, Fault> {
    let mut reader = Reader { text, at: 0, conditions: 0 };
    if text.len() > MAX_LEN {
        reader.at = MAX_LEN;
        return Err(reader.fault(&format!("a path of at most {MAX_LEN} bytes, not {}", text.len())));
    }
    let mut segments = Vec::new();
    let target = loop {
        let after_name = matches!(segments.last(), Some(Segment::Name(_)));
        if reader.rest().is_empty() && !segments.is_empty() {
            break Target::Object;
        }
        let step = match reader.peek() {
            _ if reader.starts_name() => {
                let name = reader.name()?;
                let is_target = !segments.is_empty();
                match reader.peek() {
                    None if is_target => break Target::Parameter(name),
                    Some('(') if is_target => {
                        reader.expect("()")?;
                        reader.end("a command")?;
                        break Target::Command(name);
                    }
                    Some('!') if is_target => {
                        reader.expect("!")?;
                        reader.end("an event")?;
                        break Target::Event(name);
                    }
                    _ => reader.follow_or_name(name)?,
                }
            }
            _ if !after_name => return Err(reader.fault("a name (a letter or _, then letters, digits, _ and -)")),
            Some('*') => {
                reader.expect("*")?;
                Segment::Wildcard
            }
            Some('{') => {
                reader.expect("{i}")?;
                Segment::Template
            }
            Some('[') => reader.search()?,
            Some('0'..='9') => Segment::Instance(reader.number()?),
            _ => return Err(reader.fault("a name, an instance number, *, {i}, a search in [] or the end of the path")),
        };
        if segments.len() >= MAX_SEGMENTS {
            return Err(reader.fault(&format!("at most {MAX_SEGMENTS} objects in a path")));
        }
        segments.push(step);
        if reader.rest().is_empty() {
            return Err(reader.fault("a '.' (the path of an object ends in one)"));
        }
        reader.expect(".")?;
    };
    let path = Path { segments, target };
    // A dateTime can be longer in its canonical spelling ("…:00.5" is "…:00.500Z"), and that must be readable again.
    let mut spelled = Counted(0);
    if reader.conditions > 0 && (write!(spelled, "{path}").is_err() || spelled.0 > MAX_LEN) {
        return Err(reader.fault(&format!("a path of at most {MAX_LEN} bytes")));
    }
    Ok(path)
}

/// Counts bytes instead of keeping them.
struct Counted(usize);

impl Write for Counted {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

struct Reader<'a> {
    text: &'a str,
    /// How far it is read, in bytes; on a character's boundary.
    at: usize,
    /// Search conditions so far.
    conditions: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes as much as fits `fits`.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    fn expect(&mut self, token: &str) -> Result<(), Fault> {
        if !self.rest().starts_with(token) {
            return Err(self.fault(&format!("'{token}'")));
        }
        self.at += token.len();
        Ok(())
    }

    fn end(&self, after: &str) -> Result<(), Fault> {
        if self.rest().is_empty() { Ok(()) } else { Err(self.fault(&format!("nothing after {after}"))) }
    }

    fn fault(&self, expected: &str) -> Fault {
        let column = self.text.char_indices().take_while(|(at, _)| *at < self.at).count() + 1;
        let shown: String = self.text.chars().take(80).collect();
        let more = if shown.len() < self.text.len() { "…" } else { "" };
        Fault::new(INVALID_PATH_SYNTAX, format!("path {shown:?}{more}, column {column}: expected {expected}"))
    }

    fn starts_name(&self) -> bool {
        self.peek().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
    }

    /// A name. TR-369's grammar leaves out the hyphen, but TR-106 has it in vendor prefixes (`X_EXAMPLE-COM_`).
    fn name(&mut self) -> Result<String, Fault> {
        if !self.starts_name() {
            return Err(self.fault("a name"));
        }
        Ok(self.take(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-').to_owned())
    }

    /// A number of 1 or more, without leading zeros.
    fn number(&mut self) -> Result<u32, Fault> {
        let start = self.at;
        let digits = self.take(|c| c.is_ascii_digit());
        match digits.parse() {
            Ok(number) if !digits.starts_with('0') => Ok(number),
            _ => {
                self.at = start;
                Err(self.fault("a number from 1 to 4294967295 without leading zeros"))
            }
        }
    }

    /// What the name just read is: an object, or a reference to follow.
    fn follow_or_name(&mut self, name: String) -> Result<Segment, Fault> {
        let item = match self.peek() {
            Some('+') => Item::Only,
            Some('#') => {
                self.expect("#")?;
                if self.peek() == Some('*') {
                    self.expect("*")?;
                    Item::All
                } else {
                    Item::At(self.number()?)
                }
            }
            _ => return Ok(Segment::Name(name)),
        };
        self.expect("+")?;
        Ok(Segment::Follow { name, item })
    }

    fn search(&mut self) -> Result<Segment, Fault> {
        let mut conditions = Vec::new();
        self.expect("[")?;
        loop {
            if self.conditions >= MAX_CONDITIONS {
                return Err(self.fault(&format!("at most {MAX_CONDITIONS} search conditions in a path")));
            }
            self.conditions += 1;
            conditions.push(self.condition()?);
            match self.peek() {
                Some(']') => break,
                Some('&') => self.expect("&&")?,
                _ => return Err(self.fault("'&&' or ']' (conditions are joined by && only)")),
            }
        }
        self.expect("]")?;
        Ok(Segment::Search(conditions))
    }

    /// A condition with the whitespace round it.
    fn condition(&mut self) -> Result<Condition, Fault> {
        self.space();
        let mut left = Vec::new();
        loop {
            if left.len() >= MAX_SEGMENTS {
                return Err(self.fault(&format!("at most {MAX_SEGMENTS} names in a condition")));
            }
            if self.peek().is_some_and(|c| c.is_ascii_digit() || "*[{".contains(c)) {
                return Err(self.fault("a name (a condition cannot look into a child table)"));
            }
            let name = self.name()?;
            left.push(self.follow_or_name(name)?);
            if self.peek() == Some('.') {
                self.expect(".")?;
            } else if matches!(left.last(), Some(Segment::Follow { .. })) {
                return Err(self.fault("'.' and a parameter of what the reference leads to"));
            } else {
                break;
            }
        }
        self.space();
        let Some(op) = Op::ALL.into_iter().find(|op| self.rest().starts_with(op.spelling())) else {
            return Err(self.fault("one of == != ~= < <= > >="));
        };
        self.expect(op.spelling())?;
        self.space();
        let value = self.literal()?;
        self.space();
        Ok(Condition { left, op, value })
    }

    fn space(&mut self) {
        self.take(|c| matches!(c, ' ' | '\t'));
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        let start = self.at;
        if self.peek() == Some('"') {
            self.expect("\"")?;
            let text = self.take(|c| c != '"' && !c.is_control());
            let Some(plain) = unescape(text) else {
                self.at = start;
                return Err(self.fault("text whose every % is written %25 and every \" %22"));
            };
            self.expect("\"")?;
            return Ok(Literal::Text(plain));
        }
        let text = self.take(|c| !matches!(c, ' ' | '\t' | '&' | ']'));
        Literal::unquoted(text).ok_or_else(|| {
            self.at = start;
            self.fault("text in double quotes, a number, true, false or a dateTime in UTC")
        })
    }
}
