//! What stands below the help of commands: examples that work as they are printed, and how paths are written.

/// Below the help of whatever takes a path.
const PATHS: &str = r#"In a path, * is every row and [...] those that fit: == != < <= > >= compare,
~= asks whether a list has an item, && joins. Text stands in double quotes (a "
in it is %22, a % is %25); numbers, true, false and moments stand bare. The
shell leaves such a path whole only in single quotes. Ref+ goes where the
reference Ref leads, Ref#2+ where the second of a list does."#;

pub(super) const GET: &str = r#"Examples:
    line3 get BOX Device.DeviceInfo.
    line3 get BOX 'Device.IP.Interface.*.Status' Device.DeviceInfo.UpTime
    line3 get BOX 'Device.IP.Interface.[Name=="eth0"].Status'
    line3 get BOX 'Device.IP.Interface.[Enable==true&&Status!="Up"].' --depth 1
    line3 get BOX 'Device.LocalAgent.Subscription.1.Recipient+.EndpointID'"#;

pub(super) const INSTANCES: &str = r#"Examples:
    line3 instances BOX Device.IP.Interface.
    line3 instances BOX 'Device.IP.Interface.[Name=="eth0"].IPv4Address.'
    line3 instances BOX Device.LocalAgent.Controller. --first-level"#;

pub(super) const SUPPORTED: &str = "\
An input argument with a * must be given.

Examples:
    line3 supported BOX Device.IP.
    line3 supported BOX IPPing
    line3 supported BOX Device.LocalAgent.Subscription.{i}.NotifType
    line3 supported BOX --commands";

pub(super) const RUN: &str = r#"Examples:
    line3 run BOX IPPing Host=192.0.2.1 --reason T-1
    line3 run BOX 'Device.LocalAgent.Request.[CommandKey=="a"].Cancel()' --reason T-1"#;

pub(super) const SET: &str = r#"Examples:
    line3 set BOX Device.LocalAgent.Subscription.1. Enable=false --reason T-1
    line3 set BOX 'Device.LocalAgent.Subscription.[ID=="a"].' \
        Enable=true 'TimeToLive?=60' --reason T-1
    line3 set BOX Device.LocalAgent.Subscription.1. Enable=true \
        Device.LocalAgent.Subscription.2. Enable=true --partial --reason T-1"#;

pub(super) const ADD: &str = r#"Examples:
    line3 add BOX Device.LocalAgent.Subscription. ID=a Enable=true \
        NotifType=Event ReferenceList=Device.Boot! --reason T-1
    line3 add BOX Device.LocalAgent.Subscription. ID=b NotifType=ValueChange \
        'ReferenceList=Device.IP.Interface.*.Status' 'TimeToLive?=60' --reason T-1"#;

pub(super) const DEL: &str = r#"Examples:
    line3 del BOX Device.LocalAgent.Subscription.3. --reason T-1
    line3 del BOX 'Device.LocalAgent.Subscription.[Enable==false].' --partial --reason T-1"#;

/// Examples, and how paths are written.
pub(super) fn with_paths(examples: &str) -> String {
    format!("{examples}\n\n{PATHS}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::cli::{Cli, Command, edits};
    use clap::Parser;
    use line3_proto::Path;

    /// The words of a line as a shell makes them of blanks and single quotes.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        for c in line.trim().chars().chain([' ']) {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => {
                    words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                }
                c if quoted || c.is_ascii_alphanumeric() || "=_.,:!-+".contains(c) => word.push(c),
                // `{i}` is nothing to expand.
                '{' | '}' => word.push(c),
                c => panic!("{c:?} stands bare in {line}"),
            }
        }
        words
    }

    #[test]
    fn the_examples_work_as_they_are_printed() {
        let mut seen = 0;
        for examples in [GET, INSTANCES, SUPPORTED, RUN, SET, ADD, DEL] {
            for line in examples.replace("\\\n", "").lines().filter(|line| line.starts_with("    ")) {
                let cli = Cli::try_parse_from(words(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
                let paths = match cli.command {
                    Command::Get(args) => args.paths,
                    Command::Instances(args) => args.paths,
                    Command::Del(args) => args.paths,
                    Command::Set(args) | Command::Add(args) => {
                        edits::read(args.path, args.words).unwrap().into_iter().map(|edit| edit.path).collect()
                    }
                    _ => Vec::new(),
                };
                for path in paths {
                    assert!(Path::parse(&path).is_ok(), "{line}: {path}");
                }
                seen += 1;
            }
        }
        assert_eq!(seen, 21);
    }
}
