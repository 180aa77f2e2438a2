//! A ready configuration for Mosquitto 2.0, the broker for one machine in the field.
//!
//! Boxes and controllers have a listener each, with an authority and an ACL file of their own. With
//! `per_listener_settings` the ACL of one listener never speaks for the other's clients: a box that was given a
//! controller's name by mistake is still a box.
//!
//! What Mosquitto does differently from the embedded broker:
//! - It grants every SUBSCRIBE and looks at the ACL when it delivers. A box hears nothing of others, but it can join a shared
//!   subscription and swallow what falls to it: the group's name has to be a secret.
//! - A box's client id is always its identity, whatever it asks for. Controllers choose theirs, so that several instances
//!   can share an identity. All client ids are one namespace over both listeners: never issue a box certificate for a name
//!   that a controller uses as client id. It would gain no right, but it would push the controller off.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use line3_proto::topic::{ACL_BOX_PATTERNS, ACL_CONTROLLER_PATTERNS};

use super::{CONTROLLERS, Pki, PkiError, files};
use crate::broker::MAX_PACKET_SIZE;

/// Messages that wait for one absent or slow client. Mosquitto has one bound for all: a controller that restarts must not
/// lose its fleet's reports, and only controllers fill a box's queue. At the bound, newer messages are dropped.
pub const MAX_QUEUED_MESSAGES: u32 = 100_000;

/// Bytes that wait for one absent or slow client; at the bound, newer messages are dropped.
pub const MAX_QUEUED_BYTES: u64 = 256 << 20;

/// Messages on their way to one client without an acknowledgement; more wait in its queue.
pub const MAX_INFLIGHT: u16 = 64;

/// Days that the broker keeps the session of an absent client; then what waits for it is dropped.
pub const SESSION_DAYS: u32 = 7;

/// What the configuration depends on.
#[derive(Clone, Debug)]
pub struct Mosquitto<'a> {
    /// Where boxes connect.
    pub boxes: SocketAddr,
    /// Where controllers connect; keep it out of the boxes' reach.
    pub controllers: SocketAddr,
    /// The host names and IP addresses of the broker, for its certificate.
    pub names: &'a [&'a str],
    /// Which Unix user Mosquitto becomes when it is started as root; it must be able to read the files. `None`: Mosquitto's
    /// own default, `mosquitto`.
    pub user: Option<&'a str>,
}

impl Mosquitto<'_> {
    /// Writes `mosquitto.conf`, both ACL files, the broker's certificate and both authorities into `dir`, and makes
    /// `dir/data` for what Mosquitto keeps. The paths in the configuration begin with `dir` as it is given: a relative one
    /// means the directory in which Mosquitto is started. Returns the path of `mosquitto.conf`.
    pub fn write(&self, pki: &Pki, dir: &Path) -> Result<PathBuf, PkiError> {
        // A line break would begin a new setting.
        let usable = dir.to_str().filter(|text| !text.chars().any(char::is_control));
        let Some(place) = usable else {
            return Err(PkiError::BadPath { path: dir.to_owned() });
        };
        pki.write_server(dir, self.names)?;
        files::make_private_dir(&dir.join("data"))?;
        files::replace(&dir.join("boxes.acl"), &acl("boxes", &ACL_BOX_PATTERNS), files::SECRET)?;
        files::replace(&dir.join("controllers.acl"), &acl("controllers", &ACL_CONTROLLER_PATTERNS), files::SECRET)?;
        let path = dir.join("mosquitto.conf");
        files::replace(&path, &self.configuration(place), files::PUBLIC)?;
        Ok(path)
    }

    fn configuration(&self, dir: &str) -> String {
        let mut text = format!(
            "# Line3 on Mosquitto 2.0. Written by line3: change the command, not this file.\n\
             # The user that runs Mosquitto must be able to read {dir} and to write {dir}/data.\n\
             per_listener_settings true\n\
             {user}\
             log_dest stderr\n\
             log_type error\n\
             log_type warning\n\
             log_type notice\n\
             sys_interval 0\n\
             # Without this a request and its answer wait for each other's TCP acknowledgement, 44 ms.\n\
             set_tcp_nodelay true\n\
             persistence true\n\
             persistence_location {dir}/data/\n\
             # Seconds: what a power loss may cost of sessions and waiting messages.\n\
             autosave_interval 60\n\
             persistent_client_expiration {SESSION_DAYS}d\n\
             max_packet_size {MAX_PACKET_SIZE}\n\
             max_queued_messages {MAX_QUEUED_MESSAGES}\n\
             max_queued_bytes {MAX_QUEUED_BYTES}\n\
             max_inflight_messages {MAX_INFLIGHT}\n\
             # A retained message outlives its sender, and a box could leave any number of them.\n\
             retain_available false\n",
            user = self.user.map(|user| format!("user {user}\n")).unwrap_or_default(),
        );
        for (who, address, ca, only_one) in
            [("boxes", self.boxes, "ca.pem", true), ("controllers", self.controllers, CONTROLLERS.cert, false)]
        {
            // Writing into a String cannot fail.
            let _ = write!(
                text,
                "\n# For {who}.\n\
                 listener {port} {ip}\n\
                 cafile {dir}/{ca}\n\
                 certfile {dir}/server.pem\n\
                 keyfile {dir}/server.key\n\
                 tls_version tlsv1.2\n\
                 require_certificate true\n\
                 use_identity_as_username true\n\
                 {client_id}\
                 allow_anonymous false\n\
                 allow_zero_length_clientid false\n\
                 acl_file {dir}/{who}.acl\n\
                 max_qos 1\n\
                 max_topic_alias 0\n",
                port = address.port(),
                ip = address.ip(),
                client_id = if only_one { "use_username_as_clientid true\n" } else { "" },
            );
        }
        text
    }
}

fn acl(who: &str, patterns: &[&str]) -> String {
    format!("# What {who} may do; %u is the identity from the client's certificate.\n{}\n", patterns.join("\n"))
}
