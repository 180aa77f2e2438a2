//! What happens on a box, live.

use std::collections::BTreeMap;
use std::time::Duration;

use super::follow::{Ears, News, lost_words};
use super::screen::Tone;
use super::session::{Failure, Session};
use super::{Exit, act, calls, text};
use crate::client::ClientError;
use crate::views::{BoxView, Event};

/// Nothing is due while nothing comes.
const LONG: Duration = Duration::from_secs(3600);

pub(super) fn watch(session: &mut Session<'_>, name: &str) -> Result<Exit, Failure> {
    // A name that is wrong is told before anything is waited for.
    let view: BoxView = session.client.get(&format!("/api/boxes/{}", crate::client::segment(name)), &[])?.read()?;
    let ears = Ears::new(session.screen);
    ears.listen(&session.client, &[("box", view.id.to_string())]);
    let (mut lost, mut known) = (false, None::<BoxView>);
    loop {
        match ears.next(LONG) {
            Some(News::Open) if lost => {
                lost = false;
                session.screen.note("listening again; what happened meanwhile is not shown")?;
            }
            Some(News::Open) => session.screen.note(&format!("watching {}, until Ctrl-C", view.id))?,
            Some(News::Event(text)) if session.json => session.screen.json(&text)?,
            Some(News::Event(text)) => {
                // Events that a newer server has and we have not are not shown.
                if let Ok(event) = serde_json::from_str(&text) {
                    tell(session, event, &mut known)?;
                }
            }
            Some(News::Lost(error @ (ClientError::Refused { .. } | ClientError::Answer { .. }))) => return Err(error.into()),
            Some(News::Lost(error)) => {
                if !lost {
                    session.screen.note(&lost_words(&error))?;
                }
                lost = true;
            }
            Some(News::Interrupt) => return Ok(Exit::Done),
            None => {}
        }
    }
}

fn tell(session: &mut Session<'_>, event: Event, known: &mut Option<BoxView>) -> Result<(), Failure> {
    let now = session.screen.now();
    match event {
        Event::Box { view } => {
            // What is new only in when it was last seen is not new.
            if let Some((tone, words)) = presence(known.as_ref(), &view) {
                session.screen.toned(tone, &format!("{}  box     {words}", text::at(now)))?;
            }
            *known = Some(*view);
        }
        Event::Call { call } => {
            let at = call.ended.unwrap_or(now);
            let who = format!("{} by {}", call.command, call.actor);
            session.screen.toned(calls::tone(call.state), &format!("{}  call    {who}: {}", text::at(at), act::state_words(&call)))?;
        }
        Event::Report { received, sequence, values, .. } => {
            let begin = format!("{}  report  #{sequence} ", text::at(received));
            let room = session.screen.is_terminal().then(|| session.screen.width().saturating_sub(begin.len()));
            session.screen.line(&format!("{begin}{}", values_in(&values, room)))?;
        }
    }
    Ok(())
}

fn presence(known: Option<&BoxView>, view: &BoxView) -> Option<(Tone, String)> {
    let (tone, mut words) = match (view.online, view.ready) {
        (true, true) => (Tone::Good, "online".to_owned()),
        (true, false) => (Tone::Busy, "online, not ready yet".to_owned()),
        (false, _) => (Tone::Bad, "offline".to_owned()),
    };
    if let Some(known) = known {
        let same = |a: &BoxView, b: &BoxView| a.boot_id == b.boot_id && a.run_id == b.run_id && a.labels == b.labels;
        if same(known, view) && (known.online, known.ready) == (view.online, view.ready) {
            return None;
        }
        if known.boot_id.is_some() && known.boot_id != view.boot_id {
            words.push_str(", after a restart of the box");
        } else if known.run_id.is_some() && known.run_id != view.run_id {
            words.push_str(", after a restart of its agent");
        }
        if known.labels != view.labels {
            words.push_str(", labels changed");
        }
    }
    Some((tone, words))
}

/// The values of a report, as many as there is room for, each by the last words of its path. Those that every report carries are left
/// out.
fn values_in(values: &BTreeMap<String, serde_json::Value>, room: Option<usize>) -> String {
    let carried = ["Device.LocalAgent.", "Device.BulkData.", "Device.Time."];
    let mut left: Vec<_> = values.iter().filter(|(path, _)| !carried.iter().any(|begin| path.starts_with(begin))).collect();
    left.sort_by(|(a, _), (b, _)| text::natural(a, b));
    let (mut line, total) = (String::new(), left.len());
    for (shown, (path, value)) in left.into_iter().enumerate() {
        let mut words: Vec<&str> = path.rsplitn(3, '.').take(2).collect();
        words.reverse();
        let next = format!("{}={} ", words.join("."), text::value(value));
        let more = format!("+{} more", total - shown);
        if room.is_some_and(|room| line.chars().count() + next.chars().count() + more.len() > room) {
            return line + &more;
        }
        line.push_str(&next);
    }
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_in_one_line() {
        let values = |paths: &[&str]| paths.iter().map(|path| ((*path).to_owned(), serde_json::json!(7))).collect::<BTreeMap<_, _>>();
        let check = |paths: &[&str], room, shown: &str| assert_eq!(values_in(&values(paths), room), shown);
        check(&["Device.LocalAgent.X_LINE3_RunID", "Device.DeviceInfo.UpTime"], None, "DeviceInfo.UpTime=7");
        check(&["A.B", "A.C", "A.10.E", "A.9.E"], None, "9.E=7 10.E=7 A.B=7 A.C=7");
        check(&["A.B", "A.C", "A.10.E", "A.9.E"], Some(20), "9.E=7 10.E=7 +2 more");
        check(&["A.B", "A.C"], Some(3), "+2 more");
    }
}
