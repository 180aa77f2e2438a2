//! Carries the Agent machine: one task, one loop. It does nothing of its own.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use line3_proto::link::{Link, LinkError, LinkEvent, Token};
use line3_proto::row::Args;
use line3_proto::{Fault, Machine};

use crate::agent::{Agent, Input, Job, JobId, Output};
use crate::clock::Clock;
use crate::view::RebootMode;
use crate::watched::Watched;

/// How long saying good-bye may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was told to stop.
    Stopped,
    /// The box or the agent is to be restarted; good-bye is said.
    Restart(RebootMode),
}

/// Commands under way.
#[derive(Default)]
pub struct Running(Vec<Job>);

impl Running {
    /// Takes a command in.
    pub fn start(&mut self, job: Job) {
        self.0.push(job);
    }

    /// Drops a command: that stops it.
    pub fn cancel(&mut self, id: JobId) {
        self.0.retain(|job| job.id != id);
    }

    /// The next command to end. Cancel-safe; never ends while there is none.
    pub async fn next(&mut self) -> (JobId, Result<Args, Fault>) {
        poll_fn(|context| {
            for index in 0..self.0.len() {
                let Some(job) = self.0.get_mut(index) else { break };
                if let Poll::Ready(result) = job.running.as_mut().poll(context) {
                    return Poll::Ready((self.0.swap_remove(index).id, result));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Runs an agent on a link until `stop` ends or the box is to restart. Each round of the loop can tell who watches that it lives.
/// `log` gets what a person should know.
pub async fn run<L: Link>(
    agent: &mut Agent,
    mut link: L,
    clock: &Clock,
    stop: impl Future<Output = ()>,
    watched: &mut Watched,
    log: &dyn Fn(&str),
) -> Exit {
    watched.ready(log);
    let mut running = Running::default();
    let mut stop = pin!(stop);
    let exit = loop {
        if let Some(mode) = carry_out(agent, &mut link, &mut running, clock, log) {
            break Exit::Restart(mode);
        }
        let deadline = agent.deadline().map(|deadline| clock.instant(deadline));
        let input = tokio::select! {
            () = &mut stop => {
                watched.stopping(log);
                break Exit::Stopped;
            }
            () = watched.beat(log) => continue,
            event = link.next() => Input::Link(event),
            (id, result) = running.next() => Input::Done(id, result),
            () = async { match deadline { Some(at) => tokio::time::sleep_until(at).await, None => std::future::pending().await } } => Input::Tick,
        };
        agent.note_traffic(link.traffic());
        agent.handle(clock.now(), input);
    };
    let reason = if exit == Exit::Stopped { "the agent was stopped" } else { "the box restarts" };
    for publication in agent.farewell(reason) {
        // A full outbox only means that the Will says it instead.
        let _ = link.publish(0, publication);
    }
    link.close(FAREWELL).await;
    exit
}

fn carry_out<L: Link>(agent: &mut Agent, link: &mut L, running: &mut Running, clock: &Clock, log: &dyn Fn(&str)) -> Option<RebootMode> {
    while let Some(output) = agent.poll() {
        match output {
            Output::Configure(settings) => link.configure(*settings),
            Output::Reconnect => link.reconnect(),
            Output::Greet(token, publication) => taken(agent, clock, token, link.greet(token, publication)),
            Output::Publish(token, publication) => taken(agent, clock, token, link.publish(token, publication)),
            Output::Start(job) => running.start(job),
            Output::Cancel(id) => running.cancel(id),
            Output::Restart(mode) => return Some(mode),
            Output::Log(text) => log(&text),
        }
    }
    None
}

/// Says what the link has not taken.
fn taken(agent: &mut Agent, clock: &Clock, token: Token, result: Result<(), LinkError>) {
    let refused = match result {
        Ok(()) => return,
        Err(LinkError::Full(_)) => "the outbox is full".to_owned(),
        Err(error) => error.to_string(),
    };
    agent.handle(clock.now(), Input::Link(LinkEvent::Refused(token, refused)));
}
