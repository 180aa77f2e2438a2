//! Who may do what: one table.

use std::fmt;

use line3_proto::Effect;
use serde::{Deserialize, Serialize};

/// What an actor is trusted with, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May look at everything and do nothing.
    Observer,
    /// May also measure.
    Diagnose,
    /// May also do what the viewer notices.
    Repair,
    /// May also destroy data, and act on many boxes at once.
    Lead,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    /// Who.
    pub role: Role,
    /// What they may do to one box; looking is free to all.
    pub effects: &'static [Effect],
    /// Whether they may do it to several boxes at once.
    pub fleet: bool,
}

/// The table: role x effect.
pub const RIGHTS: [Right; 4] = [
    Right { role: Role::Observer, effects: &[], fleet: false },
    Right { role: Role::Diagnose, effects: &[Effect::Read], fleet: false },
    Right { role: Role::Repair, effects: &[Effect::Read, Effect::Disrupt], fleet: false },
    Right { role: Role::Lead, effects: &[Effect::Read, Effect::Disrupt, Effect::Destroy], fleet: true },
];

/// An act that its actor's role does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{role} may not do this: {what} takes the role {needed} or above")]
pub struct Denied {
    /// Who asked.
    pub role: Role,
    /// For what.
    pub what: String,
    /// The least role that may.
    pub needed: Role,
}

/// Whether a role may do something of this effect, to one box or to several at once. Looking (`None`) is free to all.
pub fn check(role: Role, effect: Option<Effect>, fleet: bool) -> Result<(), Denied> {
    let Some(effect) = effect else { return Ok(()) };
    let allows = |right: &&Right| right.effects.contains(&effect) && (right.fleet || !fleet);
    if RIGHTS.iter().filter(allows).any(|right| right.role == role) {
        return Ok(());
    }
    let needed = RIGHTS.iter().find(allows).map_or(Role::Lead, |right| right.role);
    let what = format!("an act of effect {effect}{}", if fleet { " on several boxes" } else { "" });
    Err(Denied { role, what, needed })
}

impl Role {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Observer => "observer",
            Self::Diagnose => "diagnose",
            Self::Repair => "repair",
            Self::Lead => "lead",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Why a text names no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role: expected observer, diagnose, repair or lead")]
pub struct BadRole(String);

impl std::str::FromStr for Role {
    type Err = BadRole;

    fn from_str(text: &str) -> Result<Self, BadRole> {
        let role = RIGHTS.iter().map(|right| right.role).find(|role| role.word() == text);
        role.ok_or_else(|| BadRole(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fmt::Write;

    #[test]
    fn the_table() {
        let mut table = String::new();
        for right in RIGHTS {
            write!(table, "{:9}", right.role).unwrap();
            for fleet in [false, true] {
                for effect in Effect::ALL {
                    write!(table, "{}", if check(right.role, Some(effect), fleet).is_ok() { " yes" } else { "  - " }).unwrap();
                }
            }
            table.push('\n');
        }
        expect_test::expect![[r#"
            observer   -   -   -   -   -   - 
            diagnose  yes  -   -   -   -   - 
            repair    yes yes  -   -   -   - 
            lead      yes yes yes yes yes yes
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn a_denial_says_who_may() {
        let denied = check(Role::Diagnose, Some(Effect::Disrupt), false).unwrap_err();
        assert_eq!(denied.to_string(), "diagnose may not do this: an act of effect Disrupt takes the role repair or above");
        assert_eq!(check(Role::Repair, Some(Effect::Read), true).unwrap_err().needed, Role::Lead);
    }

    #[test]
    fn one_spelling_everywhere() {
        for right in RIGHTS {
            assert_eq!(right.role.to_string().parse(), Ok(right.role));
            assert_eq!(serde_json::to_string(&right.role).unwrap(), format!("\"{}\"", right.role));
        }
    }
}
