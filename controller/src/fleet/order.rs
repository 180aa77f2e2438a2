//! What somebody can want of a box, and the USP request of it.

use std::collections::BTreeMap;

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
        /// Paths of objects.
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
    /// Make a row.
    Add {
        /// The path of the table.
        table: String,
        /// Its values.
        values: BTreeMap<String, String>,
    },
    /// Change values.
    Set {
        /// The path of the object.
        object: String,
        /// The new values.
        values: BTreeMap<String, String>,
    },
    /// Remove rows.
    Delete {
        /// Their paths.
        paths: Vec<String>,
    },
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
        let pairs = |values: &BTreeMap<String, String>| {
            let shown = |(name, value): (&String, &String)| if is_secret(name) { format!("{name}=***") } else { format!("{name}={value}") };
            values.iter().map(shown).collect::<Vec<_>>().join(" ")
        };
        let words = match self {
            Self::Get { paths, .. } | Self::GetInstances { paths, .. } | Self::GetSupported { paths } | Self::Delete { paths } => {
                paths.join(" ")
            }
            Self::Operate { args, .. } => pairs(args),
            Self::Add { table, values } => format!("{table} {}", pairs(values)),
            Self::Set { object, values } => format!("{object} {}", pairs(values)),
        };
        format!("{} {words}", self.name()).trim_end().to_owned()
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
            Self::Add { table, values } => {
                let setting =
                    |(param, value): (&String, &String)| CreateParamSetting { param: param.clone(), value: value.clone(), required: true };
                let create_objs = vec![CreateObject { obj_path: table.clone(), param_settings: values.iter().map(setting).collect() }];
                Request::Add(Add { allow_partial: false, create_objs })
            }
            Self::Set { object, values } => {
                let setting =
                    |(param, value): (&String, &String)| UpdateParamSetting { param: param.clone(), value: value.clone(), required: true };
                let update_objs = vec![UpdateObject { obj_path: object.clone(), param_settings: values.iter().map(setting).collect() }];
                Request::Set(Set { allow_partial: false, update_objs })
            }
            Self::Delete { paths } => Request::Delete(Delete { allow_partial: false, obj_paths: paths.clone() }),
        }
    }
}

/// Whether an argument or parameter of this name is kept out of logs.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name = name.rsplit('.').next().unwrap_or(name);
    ["Password", "PreSharedKey", "KeyPassphrase", "Passphrase", "Secret"].iter().any(|secret| name.ends_with(secret))
}
