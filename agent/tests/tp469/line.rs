//! A line to a broker for somebody who has no runtime: a thread carries an [`MqttLink`], what comes is kept in a channel.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use line3_proto::link::{Link, LinkEvent};
use line3_proto::mqtt::{MqttConfig, MqttLink};
use line3_proto::record::{self, Content};
use line3_proto::usp::{Msg, MsgContent, Notify, NotifyResp, Request, Response};
use line3_proto::{EndpointId, Publication, QoS};
use tokio::sync::mpsc as tokio_mpsc;

/// How long saying good-bye may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the line is told to do.
enum Order {
    Publish(Publication),
    Subscribe(String),
}

/// What came.
#[allow(clippy::large_enum_variant, reason = "few are alive at a time")]
pub(crate) enum Seen {
    Up,
    /// The broker has granted this subscription.
    Subscribed(String),
    /// A record that is for us, opened, or what it was instead.
    Heard(Publication, Result<Content, String>),
    /// The connection, a publication or a subscription came to nothing.
    Refused(String),
}

/// See the module. Dropping it ends the connection.
pub(crate) struct Line {
    orders: Option<tokio_mpsc::UnboundedSender<Order>>,
    pub(crate) seen: mpsc::Receiver<Seen>,
    /// Whether Notify messages that want an answer get one at once.
    pub(crate) answers: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Line {
    /// Connects as `me` and listens on `filters`. Answers go to `agent` on `topic`.
    pub(crate) fn open(config: MqttConfig, me: &EndpointId, topic: &str, filters: Vec<String>) -> Self {
        let (orders, mut ordered) = tokio_mpsc::unbounded_channel();
        let (tell, seen) = mpsc::channel();
        let answers = Arc::new(AtomicBool::new(true));
        let (answering, me, topic) = (Arc::clone(&answers), me.clone(), topic.to_owned());
        let work = async move {
            let mut link = MqttLink::new(config);
            for filter in filters {
                link.subscribe(&filter, QoS::AtLeastOnce);
            }
            loop {
                let event = tokio::select! {
                    event = link.next() => event,
                    order = ordered.recv() => {
                        match order {
                            Some(Order::Publish(publication)) => link.publish(0, publication).unwrap(),
                            Some(Order::Subscribe(filter)) => link.subscribe(&filter, QoS::AtLeastOnce),
                            None => break,
                        }
                        continue;
                    }
                };
                let seen = match event {
                    LinkEvent::Up(_) => Seen::Up,
                    LinkEvent::Received(publication, _) => {
                        let opened = record::open(&publication.payload, &me);
                        if answering.load(Ordering::Relaxed)
                            && let Ok(opened) = &opened
                            && let Some(answer) = answer(&opened.content)
                        {
                            let payload = record::seal(&me, &opened.from, &answer);
                            let content_type = Some("usp.msg".to_owned());
                            link.publish(0, Publication { topic: topic.clone(), payload, content_type, ..Publication::default() }).unwrap();
                        }
                        Seen::Heard(publication, opened.map(|opened| opened.content).map_err(|error| error.to_string()))
                    }
                    LinkEvent::Refused(_, why) | LinkEvent::NotSubscribed { reason: why, .. } => Seen::Refused(why),
                    LinkEvent::Down { reason, .. } => Seen::Refused(reason),
                    LinkEvent::Subscribed(filter) => Seen::Subscribed(filter),
                    LinkEvent::Sent(_) | LinkEvent::Unheard(_) | LinkEvent::Unsubscribed(_) => continue,
                };
                if tell.send(seen).is_err() {
                    break;
                }
            }
            link.close(FAREWELL).await;
        };
        let thread = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(work);
        });
        Self { orders: Some(orders), seen, answers, thread: Some(thread) }
    }

    pub(crate) fn publish(&self, publication: Publication) {
        let _ = self.orders.as_ref().unwrap().send(Order::Publish(publication));
    }

    pub(crate) fn subscribe(&self, filter: &str) {
        let _ = self.orders.as_ref().unwrap().send(Order::Subscribe(filter.to_owned()));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the controller's line has panicked");
        }
    }
}

/// The answer to a Notify that wants one.
fn answer(content: &Content) -> Option<Msg> {
    let Content::Message(message) = content else { return None };
    match message.clone().into_content()? {
        (id, MsgContent::Request(Request::Notify(Notify { subscription_id, send_resp: true, .. }))) => {
            Some(Msg::response(id, Response::NotifyResp(NotifyResp { subscription_id })))
        }
        _ => None,
    }
}
