//! Which boxes are there. A box says so by its connect record; its disconnect record, or its Will, says the opposite of the same
//! connection only.

use std::time::Duration;

use line3_proto::usp::{Get, Request};
use line3_proto::{EndpointId, Now};

use super::{Fleet, Purpose, ids};

/// How long a box has to say that it is still there, after the controller was deaf.
const PROBE: Duration = Duration::from_secs(30);

/// The run and the number of a connection, `<run>.<n>`.
fn parse(connection: &str) -> Option<(String, u64)> {
    let (run, number) = connection.rsplit_once('.')?;
    let fine = (1..=64).contains(&run.len()) && run.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    Some((run.to_owned(), number.parse().ok()?)).filter(|_| fine)
}

impl Fleet {
    pub(super) fn connected(&mut self, now: Now, id: &EndpointId, connection: Option<&str>) {
        let connection = connection.and_then(parse);
        let Some(known) = self.known(now, id) else { return };
        let stale = |old: &(String, u64), new: &(String, u64)| old.0 == new.0 && old.1 > new.1;
        if matches!((&known.connection, &connection), (Some(old), Some(new)) if stale(old, new)) {
            return;
        }
        let run = connection.as_ref().map(|(run, _)| run.clone());
        // Of a foreign agent nobody knows whether it started anew; then it is got to know again.
        let same_run = run.is_some() && known.row.run_id == run;
        known.row.online = true;
        known.row.last_seen = now.wall;
        known.row.connection = connection.as_ref().map_or(0, |(_, number)| *number);
        known.connection = connection;
        known.row.run_id.clone_from(&run);
        let ready = known.ready;
        self.changed(id);
        if !same_run {
            self.run_ended(now, id);
        }
        if same_run && ready {
            self.send_queued(now, id);
        } else {
            self.meet(now, id);
        }
    }

    pub(super) fn disconnected(&mut self, now: Now, id: &EndpointId, connection: Option<&str>, reason: &str) {
        let connection = connection.and_then(parse);
        let Some(known) = self.boxes.get_mut(id) else { return };
        // A Will that comes late must not end a newer connection.
        if connection.is_some() && known.connection.is_some() && connection != known.connection {
            return;
        }
        if !known.row.online {
            return;
        }
        known.row.online = false;
        known.row.last_seen = now.wall;
        known.lesson = None;
        self.changed(id);
        self.log(format!("{id} is offline: {reason}"));
    }

    /// The controller's own link is up. What it missed meanwhile it finds out.
    pub(super) fn link_up(&mut self, now: Now, session_kept: bool) {
        self.up = true;
        if session_kept {
            return;
        }
        for id in ids(&self.boxes, |known| known.row.online) {
            let request = Request::Get(Get { param_paths: vec!["Device.DeviceInfo.UpTime".to_owned()], max_depth: 1 });
            self.ask(now, Purpose::Probe(id.clone()), &id, request, PROBE);
        }
    }

    pub(super) fn probed(&mut self, now: Now, id: &EndpointId) {
        if let Some(known) = self.boxes.get_mut(id) {
            known.row.last_seen = now.wall;
        }
        let ready = self.boxes.get(id).is_some_and(|known| known.ready);
        if !ready {
            self.meet(now, id);
        }
    }

    pub(super) fn probe_failed(&mut self, _now: Now, id: &EndpointId) {
        let Some(known) = self.boxes.get_mut(id) else { return };
        // It may have come back meanwhile, on a connection of its own.
        if known.row.online && known.connection.is_none() {
            known.row.online = false;
            self.changed(id);
            self.log(format!("{id} is offline: it did not answer after the controller came back"));
        }
    }
}
