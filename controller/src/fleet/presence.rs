//! Which boxes are there. A box says so by its connect record; its disconnect record, or its Will, says the opposite of the same
//! connection only.

use line3_proto::{EndpointId, Now};

use super::{Fleet, Known};

/// Whether a text can name a run of an agent.
pub(super) fn is_run(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The run and the number of a connection, `<run>.<n>`.
fn parse(connection: &str) -> Option<(String, u64)> {
    let (run, number) = connection.rsplit_once('.')?;
    Some((run.to_owned(), number.parse().ok()?)).filter(|(run, _)| is_run(run))
}

impl Known {
    /// Whether word of this connection is old: a newer one was heard of, or word of its own end. Numbers count tries to connect, so
    /// some never come up and are heard of by their Will alone.
    fn is_past(&self, connection: Option<&(String, u64)>) -> bool {
        let Some((run, number)) = connection else { return false };
        let past = |(known, newest): &(String, u64)| known == run && number < newest;
        self.is_of_before(run) || self.connection.as_ref().is_some_and(past)
    }

    fn is_of_before(&self, run: &str) -> bool {
        self.run_before.as_ref().is_some_and(|(before, _)| before == run)
    }

    /// Whether the run before this one connects once more: then two agents have this id, and the broker lets in now the one, now the
    /// other.
    fn returns(&self, connection: Option<&(String, u64)>) -> bool {
        matches!((&self.run_before, connection), (Some((before, least)), Some((run, number))) if before == run && number >= least)
    }
}

impl Fleet {
    pub(super) fn connected(&mut self, now: Now, id: &EndpointId, connection: Option<&str>) {
        let connection = connection.and_then(parse);
        let Some(known) = self.known(now, id) else { return };
        let returns = known.returns(connection.as_ref());
        if !returns && known.is_past(connection.as_ref()) {
            return;
        }
        let run = connection.as_ref().map(|(run, _)| run.clone());
        if let Some((before, number)) = known.connection.take().filter(|(before, _)| run.as_ref() != Some(before)) {
            known.run_before = Some((before, number.saturating_add(u64::from(known.row.online))));
        }
        known.row.connection = connection.as_ref().map_or(0, |(_, number)| *number);
        known.connection = connection;
        self.forget_probe(now, id);
        if returns {
            self.warn(format!(
                "two agents are called {id} and take turns: find the second, or give each its own endpoint id and certificate"
            ));
        }
        self.is_there(now, id, run);
    }

    /// A box has said that it is there, in this run of its agent; `None`: a foreign agent, which does not tell its runs.
    pub(super) fn is_there(&mut self, now: Now, id: &EndpointId, run: Option<String>) {
        let Some(known) = self.boxes.get_mut(id) else { return };
        let same_run = run.is_some() && known.row.run_id == run;
        let anew = !same_run && run.is_some() && known.row.run_id.is_some();
        known.row.online = true;
        known.row.last_seen = now.wall;
        if anew {
            let before = known.row.run_id.clone().filter(|before| !known.is_of_before(before));
            known.run_before = before.map(|before| (before, known.row.connection.saturating_add(1))).or(known.run_before.take());
        }
        known.row.run_id = run;
        if !same_run {
            // Perhaps it has other firmware, or has forgotten what it was to tell.
            known.ready = false;
        }
        let ready = known.ready;
        self.changed(id);
        if ready {
            self.tell_ready(id);
        }
        if anew {
            self.run_ended(now, id);
        }
        self.send_queued(now, id);
        if !ready {
            self.meet(now, id);
        }
    }

    pub(super) fn disconnected(&mut self, now: Now, id: &EndpointId, connection: Option<&str>, reason: &str) {
        let connection = connection.and_then(parse);
        let Some(known) = self.boxes.get_mut(id) else { return };
        // A Will that comes late must not end a newer connection.
        if known.is_past(connection.as_ref()) {
            return;
        }
        if let Some((run, number)) = connection {
            known.connection = Some((run, number.saturating_add(1)));
        }
        self.forget_probe(now, id);
        self.is_gone(now, id, reason);
    }

    pub(super) fn is_gone(&mut self, now: Now, id: &EndpointId, reason: &str) {
        let Some(known) = self.boxes.get_mut(id).filter(|known| known.row.online) else { return };
        known.row.online = false;
        known.row.last_seen = now.wall;
        self.leave(now, id);
        self.changed(id);
        self.log(format!("{id} is offline: {reason}"));
    }
}
