//! The only file that spells a topic. The sender is always in the topic, so a broker's ACL with the client's identity is
//! enough to stop one box speaking for another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A USP endpoint id (TR-369 R-ARC.5): `authority-scheme ":" [authority-id] ":" instance-id`. Holding one means that it is
/// safe in a topic, a certificate and on a terminal: letters, digits, `-._:%` and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointId(String);

/// Why a text is no endpoint id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no endpoint id: {why} (expected e.g. os::00256D-0123456789)")]
pub struct BadEndpointId {
    text: String,
    why: &'static str,
}

impl EndpointId {
    /// The longest id taken, in bytes: scheme and authority-id of 11 each, instance-id of 50 characters, each maybe `%XX`.
    pub const MAX_LEN: usize = 176;

    /// Reads an endpoint id.
    pub fn parse(text: &str) -> Result<Self, BadEndpointId> {
        let bad = |why| BadEndpointId { text: text.chars().take(80).collect(), why };
        if text.len() > Self::MAX_LEN {
            return Err(bad("too long"));
        }
        let mut parts = text.splitn(3, ':');
        let (Some(scheme), Some(authority), Some(instance)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("it needs two colons"));
        };
        if scheme.is_empty() || instance.is_empty() {
            return Err(bad("scheme or instance-id is empty"));
        }
        if !scheme.bytes().all(|b| b.is_ascii_lowercase()) || !authority.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(bad("scheme or authority-id has a character other than letters and digits"));
        }
        let mut bytes = instance.bytes();
        let mut count = 0;
        while let Some(byte) = bytes.next() {
            count += 1;
            let fine = match byte {
                b'%' => bytes.next().is_some_and(|b| b.is_ascii_hexdigit()) && bytes.next().is_some_and(|b| b.is_ascii_hexdigit()),
                _ => byte.is_ascii_alphanumeric() || b"-._".contains(&byte),
            };
            if !fine {
                return Err(bad("instance-id takes letters, digits, '-', '.', '_' and %XX"));
            }
        }
        if count > 50 {
            return Err(bad("instance-id is longer than 50 characters"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the id says of itself that no real box stands behind it (`proto::sim-…`, a scheme that TR-369 R-ARC.4 keeps
    /// out of production).
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.0.starts_with("proto::sim-")
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for EndpointId {
    type Err = BadEndpointId;
    fn from_str(text: &str) -> Result<Self, BadEndpointId> {
        Self::parse(text)
    }
}

impl TryFrom<String> for EndpointId {
    type Error = BadEndpointId;
    fn try_from(text: String) -> Result<Self, BadEndpointId> {
        Self::parse(&text)
    }
}

impl From<EndpointId> for String {
    fn from(id: EndpointId) -> Self {
        id.0
    }
}

/// A topic of Line3's scheme. [`fmt::Display`] spells it, [`Topic::parse`] reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Records to a box: `usp/agent/<box-id>`.
    Agent(EndpointId),
    /// Records to a controller: `usp/controller/<controller-id>/<box-id>`.
    Controller {
        /// Who is spoken to.
        controller: EndpointId,
        /// Who speaks.
        sender: EndpointId,
    },
    /// Answers to one controller instance (its Response Topic): `usp/controller/<controller-id>/<box-id>/reply/<instance>`.
    Reply {
        /// Who is spoken to.
        controller: EndpointId,
        /// Who speaks.
        sender: EndpointId,
        /// Which instance of the controller asked: letters, digits and `-`.
        instance: String,
    },
    /// Health reports: `telemetry/<box-id>`.
    Telemetry(EndpointId),
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(id) => write!(f, "usp/agent/{id}"),
            Self::Controller { controller, sender } => write!(f, "usp/controller/{controller}/{sender}"),
            Self::Reply { controller, sender, instance } => write!(f, "usp/controller/{controller}/{sender}/reply/{instance}"),
            Self::Telemetry(id) => write!(f, "telemetry/{id}"),
        }
    }
}

impl Topic {
    /// Reads a topic; `None` for one that is not of this scheme.
    #[must_use]
    pub fn parse(topic: &str) -> Option<Self> {
        let id = |text| EndpointId::parse(text).ok();
        let mut levels = topic.split('/');
        let mut next = || levels.next();
        let found = match (next()?, next()?) {
            ("telemetry", who) => Self::Telemetry(id(who)?),
            ("usp", "agent") => Self::Agent(id(next()?)?),
            ("usp", "controller") => {
                let (controller, sender) = (id(next()?)?, id(next()?)?);
                match (next(), next()) {
                    (None, _) => Self::Controller { controller, sender },
                    (Some("reply"), Some(instance)) if is_instance(instance) => {
                        Self::Reply { controller, sender, instance: instance.to_owned() }
                    }
                    _ => return None,
                }
            }
            _ => return None,
        };
        levels.next().is_none().then_some(found)
    }

    /// Which box published on this topic; `None` where only a controller may.
    #[must_use]
    pub fn sender(&self) -> Option<&EndpointId> {
        match self {
            Self::Agent(_) => None,
            Self::Controller { sender, .. } | Self::Reply { sender, .. } | Self::Telemetry(sender) => Some(sender),
        }
    }

    /// Whether this is a topic that the box `id` may publish on.
    #[must_use]
    pub fn may_be_published_by(&self, id: &EndpointId) -> bool {
        self.sender() == Some(id)
    }

    /// Whether this is a topic that a controller may publish on: the records to a box.
    #[must_use]
    pub fn may_be_published_by_a_controller(&self) -> bool {
        matches!(self, Self::Agent(_))
    }
}

/// Whether a text can name a controller instance in a topic.
fn is_instance(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The filter by which a controller hears every box.
#[must_use]
pub fn controller_filter(controller: &EndpointId) -> String {
    format!("usp/controller/{controller}/+")
}

/// The filter by which one controller instance hears the answers to what it asked.
#[must_use]
pub fn reply_filter(controller: &EndpointId, instance: &str) -> String {
    format!("usp/controller/{controller}/+/reply/{instance}")
}

/// The Response Topic that a controller instance sends along with a record to `to`: only that box may publish there.
#[must_use]
pub fn reply_topic(controller: &EndpointId, instance: &str, to: &EndpointId) -> String {
    Topic::Reply { controller: controller.clone(), sender: to.clone(), instance: instance.to_owned() }.to_string()
}

/// The filter of all health reports.
pub const TELEMETRY_FILTER: &str = "telemetry/+";

/// The ACL file of Mosquitto's listener for boxes: what a box may do, `%u` being its identity. Mosquitto grants every
/// SUBSCRIBE and asks for `read` when it delivers.
pub const ACL_BOX_PATTERNS: [&str; 4] = [
    "pattern read usp/agent/%u",
    "pattern write usp/controller/+/%u",
    "pattern write usp/controller/+/%u/reply/+",
    "pattern write telemetry/%u",
];

/// The ACL file of Mosquitto's listener for controllers, `%u` being the controller's identity. Patterns, because lines
/// that begin with `topic` would need the name of every controller above them. A shared subscription needs no line of
/// its own: `read` is asked for the message's topic.
pub const ACL_CONTROLLER_PATTERNS: [&str; 4] = [
    "pattern write usp/agent/+",
    "pattern read usp/controller/%u/+",
    "pattern read usp/controller/%u/+/reply/+",
    "pattern read telemetry/+",
];

/// Whether the box `id` may subscribe this filter: the topic of the records to it, spelled exactly, and nothing else.
#[must_use]
pub fn box_may_subscribe(id: &EndpointId, filter: &str) -> bool {
    filter.strip_prefix("usp/agent/") == Some(id.as_str())
}

/// Whether the controller `id` may subscribe this filter: what is sent to it, the health reports, and each of these shared.
#[must_use]
pub fn controller_may_subscribe(id: &EndpointId, filter: &str) -> bool {
    let plain = match filter.strip_prefix("$share/") {
        Some(shared) => shared.split_once('/').map(|(_group, plain)| plain),
        None => Some(filter),
    };
    plain.is_some_and(|plain| {
        plain == TELEMETRY_FILTER
            || plain
                .strip_prefix(&controller_filter(id))
                .is_some_and(|rest| rest.is_empty() || rest.strip_prefix("/reply/").is_some_and(is_instance))
    })
}

/// The filter of a subscription shared by the controller instances of one `group` (a secret random string).
#[must_use]
pub fn shared(group: &str, filter: &str) -> String {
    format!("$share/{group}/{filter}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn topics_are_read_as_they_are_spelled() {
        for text in [
            "usp/agent/os::00256D-1",
            "usp/controller/self::line3/os::00256D-1",
            "usp/controller/self::line3/os::00256D-1/reply/a-1",
            "telemetry/proto::sim-7",
        ] {
            assert_eq!(Topic::parse(text).map(|t| t.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn other_topics_are_none_of_ours() {
        for text in [
            "",
            "usp",
            "usp/agent",
            "usp/agent/",
            "usp/agent/os::1/x",
            "usp/controller/self::line3",
            "usp/controller/self::line3/os::1/reply",
            "usp/controller/self::line3/os::1/reply/a/b",
            "usp/controller/self::line3/os::1/other/a",
            "telemetry/+",
            "telemetry/os::a/b",
            "usp/agent/os::a#",
        ] {
            assert_eq!(Topic::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_its_own_topics_may_a_box_publish_on() {
        let (a, b) = (EndpointId::parse("os::00256D-A").unwrap(), EndpointId::parse("os::00256D-B").unwrap());
        assert!(Topic::Telemetry(a.clone()).may_be_published_by(&a));
        assert!(!Topic::Telemetry(a.clone()).may_be_published_by(&b));
        assert!(!Topic::Agent(a.clone()).may_be_published_by(&a));
    }

    #[test]
    fn a_box_subscribes_its_own_topic_only() {
        let id = EndpointId::parse("os::00256D-A").unwrap();
        assert!(box_may_subscribe(&id, "usp/agent/os::00256D-A"));
        for filter in ["usp/agent/os::00256D-B", "usp/agent/+", "usp/agent/os::00256D-A/#", "#", "+/+/+", "$share/g/usp/agent/os::00256D-A"]
        {
            assert!(!box_may_subscribe(&id, filter), "{filter}");
        }
    }

    #[test]
    fn a_controller_subscribes_what_is_for_it() {
        let id = EndpointId::parse("self::line3").unwrap();
        for plain in [controller_filter(&id), reply_filter(&id, "a-1"), TELEMETRY_FILTER.to_owned()] {
            assert!(controller_may_subscribe(&id, &plain), "{plain}");
            assert!(controller_may_subscribe(&id, &shared("secret", &plain)), "{plain}");
        }
        for filter in [
            "#",
            "usp/#",
            "usp/controller/+/+",
            "usp/controller/self::other/+",
            "usp/controller/self::line3/#",
            "usp/controller/self::line3/+/reply/+",
            "usp/controller/self::line3/+/reply/",
            "usp/agent/+",
            "usp/agent/os::00256D-A",
            "telemetry/#",
            "$share/g",
            "$share/g/#",
            "$SYS/#",
        ] {
            assert!(!controller_may_subscribe(&id, filter), "{filter}");
        }
    }

    #[test]
    fn an_endpoint_id_is_safe_everywhere() {
        for good in ["os::00256D-0123456789", "proto::sim-1", "self::line3", "fqdn::www.example.org", "oui:00256D:my%20box"] {
            assert!(EndpointId::parse(good).is_ok(), "{good}");
        }
        let long = format!("os::{}", "x".repeat(51));
        for bad in [
            "",
            "os",
            "os:1",
            "os::",
            "::x",
            "os::a/b",
            "os::a+",
            "os::a#",
            "os::a b",
            "os::\u{1b}[0m",
            "os::%2",
            "os::a%zz",
            "OS::a",
            &long,
        ] {
            assert!(EndpointId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
