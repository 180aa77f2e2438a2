//! What somebody can want of a box, and the USP request of it.

use std::collections::{BTreeMap, BTreeSet};

use line3_proto::Effect;
use line3_proto::usp::{
    Add, CreateObject, CreateParamSetting, Delete, Get, GetInstances, GetSupportedDm, Operate, Request, Set, UpdateObject,
    UpdateParamSetting,
};
use serde::{Deserialize, Serialize};

/// What is wanted of a box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum Order {
    /// Values of parameters.
    Get {
        /// Paths of objects or parameters, wildcards and searches among them.
        paths: Vec<String>,
        /// How many levels deep; 0: all.
        #[serde(default)]
        max_depth: u32,
    },
    /// Which rows there are.
    GetInstances {
        /// Paths of tables.
        paths: Vec<String>,
        /// Not the tables within.
        #[serde(default)]
        first_level_only: bool,
    },
    /// What the box's data model can hold.
    GetSupported {
        /// Paths of objects, or of one parameter, command or event each.
        paths: Vec<String>,
    },
    /// Run a command.
    Operate {
        /// Its path, ending in `()`.
        command: String,
        /// Its input arguments.
        #[serde(default)]
        args: BTreeMap<String, String>,
    },
    /// Make rows.
    Add {
        /// The tables, and the values of the new rows.
        objects: Vec<Edit>,
        /// What can be made is made; without it, all or nothing.
        #[serde(default)]
        allow_partial: bool,
    },
    /// Change values.
    Set {
        /// The objects, and their new values.
        objects: Vec<Edit>,
        /// What can be changed is changed; without it, all or nothing.
        #[serde(default)]
        allow_partial: bool,
    },
    /// Remove rows.
    Delete {
        /// Their paths.
        paths: Vec<String>,
        /// What can be removed is removed; without it, all or nothing.
        #[serde(default)]
        allow_partial: bool,
    },
}

/// One object of a Set, or one new row of an Add.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edit {
    /// The path of the object (Set) or of the table (Add).
    pub path: String,
    /// Its values, by the name of the parameter.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// The parameters that may fail: the object is made or changed without them. A value that is not among these is required.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub optional: BTreeSet<String>,
}

impl Edit {
    /// All of it in one line, an optional value as `Name?=value`. Values that are secrets are left out.
    fn words(&self) -> String {
        let values = self.values.iter().map(|(name, value)| pair(name, self.optional.contains(name), value));
        std::iter::once(self.path.clone()).chain(values).collect::<Vec<_>>().join(" ")
    }
}

fn pair(name: &str, optional: bool, value: &str) -> String {
    format!("{name}{}={}", if optional { "?" } else { "" }, if is_secret(name) { "***" } else { value })
}

impl Order {
    /// What it does to the box; `None`: it only looks. What a command does its catalogue entry tells: `of_command`.
    #[must_use]
    pub fn effect(&self, of_command: Effect) -> Option<Effect> {
        match self {
            Self::Get { .. } | Self::GetInstances { .. } | Self::GetSupported { .. } => None,
            Self::Operate { .. } => Some(of_command),
            // A setting changes how the box behaves from now on.
            Self::Add { .. } | Self::Set { .. } | Self::Delete { .. } => Some(Effect::Disrupt),
        }
    }

    /// What is wanted, for the audit row and the list of calls: the verb or the command's path.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Get { .. } => "Get".to_owned(),
            Self::GetInstances { .. } => "GetInstances".to_owned(),
            Self::GetSupported { .. } => "GetSupportedDM".to_owned(),
            Self::Operate { command, .. } => command.clone(),
            Self::Add { .. } => "Add".to_owned(),
            Self::Set { .. } => "Set".to_owned(),
            Self::Delete { .. } => "Delete".to_owned(),
        }
    }

    /// The same with all that belongs to it, in one line. Arguments that are secrets are left out.
    #[must_use]
    pub fn words(&self) -> String {
        let words = match self {
            Self::Get { paths, .. } | Self::GetInstances { paths, .. } | Self::GetSupported { paths } | Self::Delete { paths, .. } => {
                paths.join(" ")
            }
            Self::Operate { args, .. } => args.iter().map(|(name, value)| pair(name, false, value)).collect::<Vec<_>>().join(" "),
            Self::Add { objects, .. } | Self::Set { objects, .. } => objects.iter().map(Edit::words).collect::<Vec<_>>().join("; "),
        };
        let partial = match self {
            Self::Add { allow_partial: true, .. } | Self::Set { allow_partial: true, .. } | Self::Delete { allow_partial: true, .. } => {
                " (in part if need be)"
            }
            _ => "",
        };
        format!("{} {words}{partial}", self.name()).trim_end().to_owned()
    }

    /// The USP request of it. `reserved` are Line3's own arguments of an Operate.
    #[must_use]
    pub fn request(&self, call_id: &str, reserved: BTreeMap<String, String>) -> Request {
        match self {
            Self::Get { paths, max_depth } => Request::Get(Get { param_paths: paths.clone(), max_depth: *max_depth }),
            Self::GetInstances { paths, first_level_only } => {
                Request::GetInstances(GetInstances { obj_paths: paths.clone(), first_level_only: *first_level_only })
            }
            Self::GetSupported { paths } => Request::GetSupportedDm(GetSupportedDm {
                obj_paths: paths.clone(),
                first_level_only: false,
                return_commands: true,
                return_events: true,
                return_params: true,
                return_unique_key_sets: true,
            }),
            Self::Operate { command, args } => {
                let mut input_args = args.clone();
                input_args.extend(reserved);
                Request::Operate(Operate { command: command.clone(), command_key: call_id.to_owned(), send_resp: true, input_args })
            }
            Self::Add { objects, allow_partial } => {
                let setting = |edit: &Edit| {
                    let one = |(param, value): (&String, &String)| CreateParamSetting {
                        param: param.clone(),
                        value: value.clone(),
                        required: !edit.optional.contains(param),
                    };
                    CreateObject { obj_path: edit.path.clone(), param_settings: edit.values.iter().map(one).collect() }
                };
                Request::Add(Add { allow_partial: *allow_partial, create_objs: objects.iter().map(setting).collect() })
            }
            Self::Set { objects, allow_partial } => {
                let setting = |edit: &Edit| {
                    let one = |(param, value): (&String, &String)| UpdateParamSetting {
                        param: param.clone(),
                        value: value.clone(),
                        required: !edit.optional.contains(param),
                    };
                    UpdateObject { obj_path: edit.path.clone(), param_settings: edit.values.iter().map(one).collect() }
                };
                Request::Set(Set { allow_partial: *allow_partial, update_objs: objects.iter().map(setting).collect() })
            }
            Self::Delete { paths, allow_partial } => Request::Delete(Delete { allow_partial: *allow_partial, obj_paths: paths.clone() }),
        }
    }
}

/// Whether an argument or parameter of this name is kept out of logs.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name = name.rsplit('.').next().unwrap_or(name);
    ["Password", "PreSharedKey", "KeyPassphrase", "Passphrase", "Secret"].iter().any(|secret| name.ends_with(secret))
}
