//! MQTT topic filters: `+` for one level, `#` for the rest, `$share/<group>/…` for one of a group.

/// What a filter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filter<'a> {
    /// Each message goes to one member of the group only.
    pub(crate) shared: bool,
    /// The part that is matched with topics.
    pub(crate) pattern: &'a str,
}

impl<'a> Filter<'a> {
    /// Reads a filter; the error is the broker's reason to refuse it.
    pub(crate) fn parse(filter: &'a str) -> Result<Self, &'static str> {
        let (shared, pattern) = match filter.strip_prefix("$share/") {
            None => (false, filter),
            Some(rest) => match rest.split_once('/') {
                Some((group, pattern)) if !group.is_empty() && !group.contains(['+', '#']) => (true, pattern),
                _ => return Err("Topic Filter invalid: $share needs a group and a filter"),
            },
        };
        let mut levels = pattern.split('/').peekable();
        while let Some(level) = levels.next() {
            let last = levels.peek().is_none();
            if level.contains('+') && level != "+" || level.contains('#') && !(level == "#" && last) {
                return Err("Topic Filter invalid: + stands for a whole level, # for all the last ones");
            }
        }
        if pattern.is_empty() { Err("Topic Filter invalid: empty") } else { Ok(Self { shared, pattern }) }
    }

    /// Whether whoever has subscribed this also gets all that comes to the topic (or filter without `#`) `other`.
    #[cfg(feature = "mqtt")]
    pub(crate) fn covers(self, other: &str) -> bool {
        !self.shared && self.matches(other)
    }

    /// Whether it can match only the topic that is spelled the same.
    #[cfg(feature = "sim")]
    pub(crate) fn is_exact(self) -> bool {
        !self.shared && !self.pattern.contains(['+', '#'])
    }

    /// Whether the topic is one of its.
    pub(crate) fn matches(self, topic: &str) -> bool {
        if topic.starts_with('$') && self.pattern.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = topic.split('/');
        for wanted in self.pattern.split('/') {
            match (wanted, levels.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (wanted, Some(level)) if wanted == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn filters_match_level_by_level() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/b/c", "a/b", false),
            ("a/+", "a/b", true),
            ("a/+", "a/", true),
            ("a/+", "a", false),
            ("a/+", "a/b/c", false),
            ("a/#", "a/b/c", true),
            ("a/#", "a", true),
            ("a/+/c/#", "a/b/c", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$share/g/a/+", "a/b", true),
            ("$share/g/a/+", "$share/g/a/b", false),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().matches(topic), expected, "{filter} {topic}");
        }
        assert!(Filter::parse("a/b").unwrap().is_exact() && !Filter::parse("$share/g/a").unwrap().is_exact());
        for bad in ["", "a/b+", "a/#/b", "a#", "$share/g", "$share//a", "$share/g/"] {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
    }
}
