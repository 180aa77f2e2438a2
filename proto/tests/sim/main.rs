//! The simulated net keeps what MQTT promises, and breaks what it does not.
#![cfg(feature = "sim")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod run;
mod storm;

use line3_proto::link::{Receipt, Token};
use line3_proto::sim::{ClientConfig, NetConfig, Role};
use line3_proto::{LinkEvent, Publication, QoS};

use run::{CONTROLLER, Run, a_box, a_controller, at, box_id, message, secs, to_controller};

#[test]
fn in_a_calm_net_all_comes_once_and_in_order() {
    let (mut run, id) = Run::pair(NetConfig::default());
    for token in 0..250_u64 {
        run.net.publish(at(1), &id, token, to_controller(&id, &token.to_string())).unwrap();
        run.net.publish(at(1), CONTROLLER, token, message(&format!("usp/agent/{id}"), &token.to_string())).unwrap();
    }
    run.until(at(60));
    let all: Vec<String> = (0..250).map(|token| token.to_string()).collect();
    assert_eq!((run.received(CONTROLLER), run.received(&id)), (all.clone(), all));
    let tokens = run
        .heard
        .iter()
        .filter(|(_, client, _)| *client == id)
        .filter_map(|(_, _, e)| if let LinkEvent::Sent(t) = e { Some(*t) } else { None });
    assert_eq!(tokens.collect::<Vec<Token>>(), (0..250).collect::<Vec<_>>());
}

#[test]
fn a_will_follows_a_power_loss_after_the_notice_and_names_its_connection() {
    let (mut run, id) = Run::pair(NetConfig::default());
    run.net.drop_client(at(100), &id);
    run.until(at(1000));
    let [(when, will)] = &run.publications(CONTROLLER)[..] else { panic!("{:?}", run.heard) };
    assert!(*when >= at(190) && *when < at(191), "{when:?}");
    assert_eq!((will.payload.as_slice(), will.user_property("line3-conn")), (b"gone".as_slice(), Some("run.1")));
}

#[test]
fn a_box_that_returns_before_the_notice_gets_its_old_will_published_at_its_return() {
    let (mut run, id) = Run::pair(NetConfig::default());
    run.net.drop_client(at(100), &id);
    run.net.connect(at(110), &id, ClientConfig { will_run: "next".to_owned(), ..a_box(&id) });
    run.until(at(1000));
    let [(when, will)] = &run.publications(CONTROLLER)[..] else { panic!("{:?}", run.heard) };
    assert!(*when < at(111));
    assert_eq!(will.user_property("line3-conn"), Some("run.1"));
    assert!(run.net.is_up(&id));
}

#[test]
fn who_disconnects_leaves_no_will_even_if_it_returns_at_once() {
    let (mut run, id) = Run::pair(NetConfig::default());
    run.net.publish(at(100), &id, 1, to_controller(&id, "last")).unwrap();
    run.net.disconnect(at(100), &id);
    run.net.connect(at(100), &id, a_box(&id));
    run.until(at(200));
    assert!(run.net.is_up(&id));
    run.net.disconnect(at(200), &id);
    run.until(at(1000));
    assert_eq!(run.received(CONTROLLER), ["last"]);
    assert_eq!(run.net.counts().wills, 0);
}

#[test]
fn a_partition_holds_back_then_breaks() {
    let (mut run, id) = Run::pair(NetConfig::default());
    run.net.partition(at(100), &id, at(130));
    run.net.publish(at(101), CONTROLLER, 1, message(&format!("usp/agent/{id}"), "held")).unwrap();
    run.until(at(140));
    let [(when, _)] = &run.publications(&id)[..] else { panic!("{:?}", run.heard) };
    assert!(*when >= at(130) && *when < at(131), "shorter than the keep alive: only late");
    assert_eq!(run.count(&id, |event| matches!(event, LinkEvent::Down { .. })), 0);
    // Longer: the client gives up after 60 s, the broker after 90; the message waits in the session.
    run.heard.clear();
    run.net.partition(at(200), &id, at(1000));
    run.net.publish(at(201), CONTROLLER, 2, message(&format!("usp/agent/{id}"), "kept")).unwrap();
    run.until(at(3000));
    let first_down = run.heard.iter().find(|(_, client, event)| *client == id && matches!(event, LinkEvent::Down { .. })).unwrap().0;
    assert_eq!(first_down, at(260));
    assert_eq!(run.received(&id), ["kept"]);
    assert_eq!(run.received(CONTROLLER), ["gone"]);
    let will_at = run.publications(CONTROLLER)[0].0;
    assert!(will_at >= at(290) && will_at < at(291));
    let up = run.heard.iter().find_map(|(when, client, event)| match event {
        LinkEvent::Up(session) if *client == id => Some((*when, session.clone())),
        _ => None,
    });
    let (when, session) = up.unwrap();
    assert!(when >= at(1000) && session.present && session.connection > 2, "{when:?} {session:?}");
}

#[test]
fn an_expired_message_is_not_delivered_and_a_late_one_tells_what_is_left() {
    let (mut run, id) = Run::pair(NetConfig::default());
    run.net.disconnect(at(2), &id);
    run.until(at(10));
    let topic = format!("usp/agent/{id}");
    let lasting = |text: &str, seconds| Publication { expiry: Some(secs(seconds)), ..message(&topic, text) };
    run.net.publish(at(10), CONTROLLER, 1, lasting("short", 30)).unwrap();
    run.net.publish(at(10), CONTROLLER, 2, lasting("long", 100)).unwrap();
    run.until(at(50));
    run.net.connect(at(50), &id, a_box(&id));
    run.until(at(60));
    let [(_, only)] = &run.publications(&id)[..] else { panic!("{:?}", run.heard) };
    let left = only.expiry.unwrap();
    assert!(only.payload == b"long" && (secs(59)..=secs(61)).contains(&left), "{only:?}");
    assert_eq!(run.net.counts().expired, 1);
    // In the client's own outbox it counts down as well.
    run.net.restart_broker(at(60), secs(100), true);
    run.net.publish(at(61), CONTROLLER, 3, lasting("stale", 30)).unwrap();
    run.net.publish(at(61), CONTROLLER, 4, lasting("early", 20)).unwrap();
    run.until(at(1000));
    let refused =
        run.heard.iter().filter_map(|(when, _, event)| if let LinkEvent::Refused(t, _) = event { Some((*when, *t)) } else { None });
    assert_eq!(refused.collect::<Vec<_>>(), [(at(81), 4), (at(91), 3)]);
    assert_eq!(run.received(&id), ["long"]);
}

#[test]
fn only_what_waits_in_the_outbox_expires_there() {
    let (mut run, id) = Run::pair(NetConfig::default());
    run.net.partition(at(100), CONTROLLER, at(130));
    let lasting = |seconds| Publication { expiry: Some(secs(seconds)), ..message(&format!("usp/agent/{id}"), "call") };
    // A hundred fill the window; two wait, the second for less long.
    (0..100).for_each(|token| run.net.publish(at(100), CONTROLLER, token, lasting(10)).unwrap());
    run.net.publish(at(100), CONTROLLER, 100, lasting(20)).unwrap();
    run.net.publish(at(100), CONTROLLER, 101, lasting(10)).unwrap();
    run.until(at(200));
    let refused =
        run.heard.iter().filter_map(|(when, _, event)| if let LinkEvent::Refused(t, _) = event { Some((*when, *t)) } else { None });
    assert_eq!(refused.collect::<Vec<_>>(), [(at(110), 101), (at(120), 100)]);
    assert_eq!(run.count(CONTROLLER, |event| matches!(event, LinkEvent::Sent(_))), 100);
}

#[test]
fn a_shared_subscription_splits_and_nothing_stays_with_one_that_leaves() {
    let mut run = Run::new(3, NetConfig::default());
    let filter = "$share/secret/telemetry/+".to_owned();
    let member = || ClientConfig {
        role: Role::Controller,
        clean: true,
        subscriptions: vec![(filter.clone(), QoS::AtLeastOnce)],
        ..ClientConfig::default()
    };
    // The third never acknowledges.
    let deaf = || ClientConfig { manual_acknowledge: true, ..member() };
    let id = box_id(1);
    run.net.connect(at(0), "c1", member());
    run.net.connect(at(0), "c2", member());
    run.net.connect(at(0), "c3", deaf());
    run.net.connect(at(0), &id, a_box(&id));
    run.until(at(1));
    for token in 0..90 {
        run.net.publish(at(1), &id, token, message(&format!("telemetry/{id}"), &token.to_string())).unwrap();
    }
    run.until(at(50));
    assert_eq!((run.received("c1").len(), run.received("c2").len(), run.received("c3").len()), (30, 30, 20), "20 is the window");
    run.net.drop_client(at(50), "c3");
    run.until(at(200));
    let mut all: Vec<u64> = ["c1", "c2"].iter().flat_map(|c| run.received(c)).map(|text| text.parse().unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..90).collect::<Vec<_>>());
}

#[test]
fn the_acl_binds_a_box_to_its_own_topics() {
    let (mut run, id) = Run::pair(NetConfig::default());
    let spy = box_id(2);
    let filters = ["usp/agent/+", "#", "$share/secret/telemetry/+", "telemetry/a+"];
    run.net.connect(at(1), &spy, a_box(&spy));
    run.until(at(2));
    filters.iter().for_each(|filter| run.net.subscribe(at(2), &spy, filter, QoS::AtLeastOnce));
    run.until(at(3));
    assert_eq!(run.count(&spy, |event| matches!(event, LinkEvent::NotSubscribed { filter, .. } if filter == "telemetry/a+")), 1);
    run.net.publish(at(3), CONTROLLER, 1, message(&format!("usp/agent/{id}"), "secret")).unwrap();
    run.net.publish(at(3), CONTROLLER, 2, message(&format!("usp/agent/{spy}"), "own")).unwrap();
    run.net.publish(at(3), &spy, 3, to_controller(&id, "forged")).unwrap();
    run.net.publish(at(3), &spy, 4, message(&format!("usp/agent/{id}"), "forged")).unwrap();
    run.net.publish(at(3), CONTROLLER, 5, message(&format!("telemetry/{id}"), "forged")).unwrap();
    run.until(at(10));
    assert_eq!((run.received(&spy), run.received(&id)), (vec!["own".to_owned()], vec!["secret".to_owned()]));
    assert_eq!(run.received(CONTROLLER), Vec::<String>::new());
    for (client, token) in [(spy.as_str(), 3), (&spy, 4), (CONTROLLER, 5)] {
        assert_eq!(run.count(client, |event| matches!(event, LinkEvent::Refused(t, _) if *t == token)), 1, "{client} {token}");
    }
}

#[test]
fn what_is_not_acknowledged_comes_again_and_an_old_receipt_counts_for_nothing() {
    let (mut run, id) = Run::pair(NetConfig::default());
    run.net.connect(at(1), CONTROLLER, ClientConfig { manual_acknowledge: true, ..a_controller() });
    run.until(at(2));
    run.net.publish(at(2), &id, 1, to_controller(&id, "report")).unwrap();
    run.until(at(3));
    let receipt = |run: &Run| -> Receipt {
        run.heard
            .iter()
            .rev()
            .find_map(|(_, _, event)| if let LinkEvent::Received(_, receipt) = event { receipt.clone() } else { None })
            .unwrap()
    };
    let old = receipt(&run);
    run.net.restart_broker(at(3), secs(1), true);
    run.until(at(30));
    assert_eq!(run.received(CONTROLLER), ["report", "report"]);
    run.net.acknowledge(at(30), CONTROLLER, &old);
    run.until(at(31));
    run.net.restart_broker(at(31), secs(1), true);
    run.until(at(60));
    assert_eq!(run.received(CONTROLLER).len(), 3, "the receipt was for an earlier connection");
    run.net.acknowledge(at(60), CONTROLLER, &receipt(&run));
    run.until(at(61));
    run.net.restart_broker(at(61), secs(1), true);
    run.until(at(90));
    assert_eq!(run.received(CONTROLLER).len(), 3);
}

#[test]
fn sessions_end_by_expiry_by_clean_and_by_a_broker_that_forgets() {
    let config = NetConfig { session_expiry: secs(600), ..NetConfig::default() };
    let present = |forget: bool, clean: bool, away: u64| {
        let (mut run, id) = Run::pair(config.clone());
        run.net.connect(at(1), &id, ClientConfig { clean, ..a_box(&id) });
        run.until(at(10));
        run.net.disconnect(at(10), &id);
        run.until(at(11));
        if forget {
            run.net.restart_broker(at(11), secs(1), false);
        }
        run.net.publish(at(100), CONTROLLER, 1, message(&format!("usp/agent/{id}"), "waiting")).unwrap();
        run.until(at(10 + away));
        run.heard.clear();
        run.net.connect(at(10 + away), &id, ClientConfig { clean, ..a_box(&id) });
        run.until(at(20 + away));
        let present = run.count(&id, |event| matches!(event, LinkEvent::Up(session) if session.present)) == 1;
        assert_eq!(run.received(&id).len(), usize::from(present));
        present
    };
    assert!(present(false, false, 500));
    assert!(!present(false, false, 700));
    assert!(!present(false, true, 500));
    assert!(!present(true, false, 500));
}

#[test]
fn queues_have_bounds_and_tell() {
    let (mut run, id) = Run::pair(NetConfig { queue_bound: 5, outbox_bound: 8, ..NetConfig::default() });
    run.net.disconnect(at(2), &id);
    run.until(at(3));
    let topic = format!("usp/agent/{id}");
    for token in 0..8 {
        run.net.publish(at(3), CONTROLLER, token, message(&topic, &token.to_string())).unwrap();
    }
    assert!(run.net.publish(at(3), CONTROLLER, 8, message(&topic, "8")).is_err());
    run.until(at(4));
    assert_eq!(run.net.counts().dropped, 3);
    run.net.connect(at(4), &id, a_box(&id));
    run.until(at(5));
    assert_eq!(run.received(&id), ["0", "1", "2", "3", "4"], "the newest are dropped");
}
