//! Which user the agent runs as, and with which rights. Started as root it becomes the user of its configuration before it has a
//! thread or a socket, and keeps two rights at the most: to send pings, and to restart the box.

use std::ffi::CString;
use std::io;
use std::path::Path;

use nix::unistd::{User, geteuid, initgroups, setgid, setuid};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities, set_no_new_privs};

use crate::saved::Saved;
use crate::view::RebootMode;

/// Why the agent cannot run as the user of its configuration.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// The box has no such user.
    #[error(
        "user = {0:?}: the box has no such user; make it (Debian: adduser --system --group NAME; BusyBox: adduser -S -D -H NAME), \
         or leave user out and the agent stays who starts it"
    )]
    NoSuchUser(String),
    /// The list of users cannot be read.
    #[error("user = {name:?}: the box's users cannot be looked up: {why}")]
    Lookup {
        /// The user.
        name: String,
        /// What the system said.
        why: nix::Error,
    },
    /// Only root can become another user.
    #[error("user = {name:?}: the agent was started by the user with the number {uid}; start it as root or as {name}")]
    NotRoot {
        /// The user.
        name: String,
        /// Who started the agent.
        uid: u32,
    },
    /// The kernel did not let the agent take a step.
    #[error("user = {name:?}: the agent cannot {step}: {why}")]
    Step {
        /// The user.
        name: String,
        /// Which step.
        step: &'static str,
        /// What the kernel said.
        why: io::Error,
    },
    /// The state directory cannot be given to the user.
    #[error("state-dir = {dir:?} cannot be given to {name}: {why}")]
    StateDir {
        /// The state directory.
        dir: String,
        /// The user.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Another user that the agent is to become. Only root gets one.
#[derive(Debug)]
pub struct Change(User);

/// Whom the agent has to become to run as the user `name`: `None` if it is that user, or if the name is empty. Changes nothing.
pub fn change_to(name: &str) -> Result<Option<Change>, PrivilegeError> {
    if name.is_empty() {
        return Ok(None);
    }
    let user = match User::from_name(name) {
        Ok(Some(user)) => user,
        // Where the file of users is missing there is no such user either.
        Ok(None) | Err(nix::Error::ENOENT) => return Err(PrivilegeError::NoSuchUser(name.to_owned())),
        Err(why) => return Err(PrivilegeError::Lookup { name: name.to_owned(), why }),
    };
    let me = geteuid();
    if me == user.uid {
        Ok(None)
    } else if me.is_root() {
        Ok(Some(Change(user)))
    } else {
        Err(PrivilegeError::NotRoot { name: name.to_owned(), uid: me.as_raw() })
    }
}

impl Change {
    /// Makes the state directory for the user only, or gives it to the user if root has it.
    pub fn give_state(&self, dir: &Path) -> Result<(), PrivilegeError> {
        let given = Saved::at(dir.to_owned()).give_to(self.0.uid.as_raw(), self.0.gid.as_raw());
        given.map_err(|why| PrivilegeError::StateDir { dir: dir.display().to_string(), name: self.0.name.clone(), why })
    }

    /// Becomes the user, and keeps of root's rights only CAP_NET_RAW, and CAP_SYS_BOOT if the agent is to restart the box; not even
    /// these if it does not have them. There is no way back. Says what was done.
    ///
    /// It holds for this thread alone, so there must be no other yet.
    pub fn make(self, reboot: RebootMode) -> Result<String, PrivilegeError> {
        let User { name, uid, gid, .. } = self.0;
        let failed = |step: &'static str| {
            let name = name.clone();
            move |why: io::Error| PrivilegeError::Step { name, step, why }
        };
        let groups = CString::new(name.as_str()).map_err(|error| failed("name the user to the system")(error.into()))?;
        let wanted = match reboot {
            RebootMode::System => CapabilitySet::NET_RAW | CapabilitySet::SYS_BOOT,
            RebootMode::RestartAgent => CapabilitySet::NET_RAW,
        };
        let had = capabilities(None).map_err(|error| failed("look at its rights")(error.into()))?;
        let kept = had.permitted & wanted;
        set_keep_capabilities(true).map_err(|error| failed("keep its rights")(error.into()))?;
        initgroups(&groups, gid).map_err(|error| failed("take the user's groups")(error.into()))?;
        setgid(gid).map_err(|error| failed("take the user's group")(error.into()))?;
        setuid(uid).map_err(|error| failed("become the user")(error.into()))?;
        let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
        set_capabilities(None, sets).map_err(|error| failed("give up its other rights")(error.into()))?;
        set_no_new_privs(true).map_err(|error| failed("refuse to get rights again")(error.into()))?;
        let names = [(CapabilitySet::NET_RAW, "CAP_NET_RAW"), (CapabilitySet::SYS_BOOT, "CAP_SYS_BOOT")];
        let names: Vec<&str> = names.into_iter().filter(|(right, _)| kept.contains(*right)).map(|(_, name)| name).collect();
        let rights = if names.is_empty() { "none of root's rights".to_owned() } else { names.join(" and ") };
        Ok(format!("the agent runs as {name} ({uid}:{gid}) with {rights}"))
    }
}
