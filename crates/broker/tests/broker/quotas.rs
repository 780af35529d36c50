//! Quotas from outside: what clients are told, and who is not listened to.

use std::io::Write;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use kafka_protocol::messages::{FetchRequest, ProduceRequest};
use tamis_broker::QuotaOptions;
use tamis_broker::access::Users;

use crate::access::log_in_as;
use crate::watching::{get, value};
use crate::wire::{
    Client, FETCH, PRODUCE, Started, batch, fetch_request, framed, outcome, produce_request,
    start_with,
};

/// Bytes in a second.
const RATE: u64 = 1_000_000;

fn start(quotas: QuotaOptions) -> Started {
    start_with(|it| it.http("127.0.0.1:0").quotas(quotas))
}

fn produce_limited() -> Started {
    start(QuotaOptions {
        produce: NonZeroU64::new(RATE),
        fetch: None,
    })
}

fn fetch_limited() -> Started {
    start(QuotaOptions {
        produce: None,
        fetch: NonZeroU64::new(RATE),
    })
}

/// A batch of half as many bytes again as a second has.
fn too_much() -> bytes::Bytes {
    batch(&[&"x".repeat(1_500_000)])
}

fn with_topic(running: &Started) -> Client {
    let mut client = running.client();
    client.want_topic("orders");
    let topics = running.broker().topics();
    let set = topics.configure("orders", |it| Ok(it.set("max.message.bytes", "10000000")?));
    set.expect("it is taken");
    client
}

/// That a connection is not listened to for about half a second since then, and another one is.
fn is_mute(running: &Started, client: &mut Client, since: Instant, told_ms: i32) {
    assert!((400..=510).contains(&told_ms), "{told_ms}");
    running.client().want_topic("orders");
    client.want_topic("orders");
    assert!(since.elapsed() >= Duration::from_millis(400));
}

#[test]
fn who_produces_too_much_is_told_at_once_and_then_not_heard() {
    let running = produce_limited();
    let mut client = with_topic(&running);
    let since = Instant::now();
    let response = client.ask(PRODUCE, &produce_request("orders", too_much(), -1));
    assert_eq!(outcome(&response), (0, 0));
    is_mute(&running, &mut client, since, response.throttle_time_ms);
    let http = running.http_address().expect("it was asked for");
    let (_, page) = get(http, "GET", "/metrics");
    let told = f64::from(response.throttle_time_ms) / 1000.0;
    for (name, expected) in [
        ("requests_total{kind=\"produce\"}", 1.0),
        ("seconds_total{kind=\"produce\"}", told),
        ("requests_total{kind=\"fetch\"}", 0.0),
    ] {
        let found = value(&page, &format!("tamis_throttled_{name}"));
        assert_eq!(found, Some(expected), "{name}");
    }
    // Reading is not limited.
    let mut client = running.client();
    assert_eq!(client.values_from("orders", 0).len(), 1);
    running.stop();
}

#[test]
fn who_fetches_too_much_is_told_at_once_and_then_not_heard() {
    let running = fetch_limited();
    let mut client = with_topic(&running);
    let response = client.ask(PRODUCE, &produce_request("orders", too_much(), -1));
    assert_eq!(response.throttle_time_ms, 0);
    let since = Instant::now();
    let response = client.ask(12, &fetch_request("orders", 0));
    assert_eq!(crate::wire::values(&response).len(), 1);
    is_mute(&running, &mut client, since, response.throttle_time_ms);
    running.stop();
}

#[test]
fn who_connects_anew_owes_what_he_took_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let users = Users::path_in(folder.path());
    Users::change(&users, |it| {
        it.set("ann", "secret")?;
        it.set("bob", "secret")
    })
    .expect("they are added");
    let quotas = QuotaOptions {
        produce: NonZeroU64::new(RATE),
        fetch: NonZeroU64::new(RATE),
    };
    let running = start_with(|it| it.quotas(quotas).authenticate(true).users(users));
    let log_in = |name| {
        let mut client = running.client();
        log_in_as(&mut client, name, "secret");
        client
    };
    log_in("ann").want_topic("orders");
    let topics = running.broker().topics();
    let set = topics.configure("orders", |it| Ok(it.set("max.message.bytes", "10000000")?));
    set.expect("it is taken");
    let much = batch(&[&"x".repeat(3_000_000)]);
    let since = Instant::now();
    let mut took = Duration::ZERO;
    for offset in [0, 2] {
        let response = log_in("ann").ask(PRODUCE, &produce_request("orders", much.clone(), -1));
        assert_eq!(outcome(&response), (0, offset));
        took = since.elapsed();
        // Others do not pay for her, nor does she for what she does not take.
        log_in("bob").ask(PRODUCE, &produce_request("orders", batch(&["a"]), 1));
        log_in("ann").want_topic("orders");
        let answered = log_in("ann").ask(FETCH, &fetch_request("none", 0));
        assert_eq!(answered.throttle_time_ms, 0);
        if offset == 0 {
            assert!(since.elapsed() < Duration::from_millis(1500), "they waited");
        }
    }
    // Three megabytes, of which one was free.
    assert!(took >= Duration::from_millis(1900), "{took:?}");
    let mut read = Duration::ZERO;
    let since = Instant::now();
    for _ in 0..2 {
        log_in("bob").ask(FETCH, &fetch_request("orders", 0));
        read = since.elapsed();
    }
    assert!(read >= Duration::from_millis(1900), "{read:?}");
    running.stop();
}

#[test]
fn all_versions_tell() {
    let running = produce_limited();
    with_topic(&running);
    for version in 3..=12 {
        let request = produce_request("orders", too_much(), 1);
        let response = running.client().ask::<ProduceRequest>(version, &request);
        assert!(response.throttle_time_ms > 0, "version {version}");
    }
    // Those that are answered with an error: a topic, and a partition with messages that nobody looks at.
    for (version, behind) in [(1_i16, 0), (2, 8)] {
        let mut body = [&[0, 0], &version.to_be_bytes()[..], &[0, 0, 0, 1, 0, 4]].concat();
        body.extend(b"test");
        body.extend([0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, b'a', 0, 0, 0, 1]);
        body.extend([0, 0, 0, 0, 0, 0, 0, 1, 7]);
        let mut client = running.client();
        client.socket.write_all(&framed(&body)).expect("it is read");
        let answer = client.receive_body().expect("an answer");
        let (told, throttle_ms) = answer.split_at(answer.len() - 4);
        // The number of the request, the topic, the partition, its error and offset, and in one of them its time.
        assert_eq!(told.len(), 4 + 4 + 3 + 4 + 4 + 2 + 8 + behind);
        assert_ne!(throttle_ms, [0; 4], "version {version}");
    }
    running.stop();

    let running = fetch_limited();
    let mut client = with_topic(&running);
    client.ask(PRODUCE, &produce_request("orders", too_much(), -1));
    let topic = running.broker().topics().topic("orders");
    let id = topic.expect("it is there").id();
    for version in 4..=16 {
        let mut request = fetch_request("orders", 0);
        if version >= 13 {
            request.topics[0].topic = Default::default();
            request.topics[0].topic_id = id;
        }
        let response = running.client().ask::<FetchRequest>(version, &request);
        assert!(response.throttle_time_ms > 0, "version {version}");
    }
    running.stop();
}

#[test]
fn who_is_not_heard_does_not_keep_the_broker_from_ending() {
    let running = produce_limited();
    let mut client = with_topic(&running);
    for _ in 0..5 {
        client.send(PRODUCE, &produce_request("orders", too_much(), 1));
    }
    let (_, response) = client.receive::<ProduceRequest>(PRODUCE);
    assert!(response.throttle_time_ms > 0);
    let start = Instant::now();
    running.stop();
    assert!(start.elapsed() < Duration::from_secs(4));
}
