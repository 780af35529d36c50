//! A broker that asks who is there, from outside.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::{
    ApiVersionsRequest, GroupId, JoinGroupRequest, MetadataRequest, SaslAuthenticateRequest,
    SaslHandshakeRequest,
};
use kafka_protocol::protocol::StrBytes;
use tamis_broker::access::Users;
use tempfile::TempDir;

use crate::watching::Live;
use crate::wire::{Client, FETCH, Started, fetch_request, frame, framed, start_with};

/// A broker that knows `ann`; its users are in the folder that comes back.
fn guarded() -> (Started, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let users = Users::path_in(folder.path());
    Users::change(&users, |it| it.set("ann", "secret")).expect("she is added");
    let started = start_with(|it| it.authenticate(true).users(users));
    (started, folder)
}

/// Logs in.
pub(crate) fn log_in_as(client: &mut Client, name: &str, password: &str) {
    begin_as(client, name, password);
    assert_eq!(finish(client), 0);
}

/// Sends a login, to which the answer is still to come.
fn begin(client: &mut Client, password: &str) {
    begin_as(client, "ann", password);
}

fn begin_as(client: &mut Client, name: &str, password: &str) {
    let mechanism = StrBytes::from_static_str("PLAIN");
    client.send(
        1,
        &SaslHandshakeRequest::default().with_mechanism(mechanism),
    );
    let message = format!("\0{name}\0{password}").into_bytes();
    client.send(
        2,
        &SaslAuthenticateRequest::default().with_auth_bytes(message.into()),
    );
}

/// The error of a login that was begun.
fn finish(client: &mut Client) -> i16 {
    client.receive::<SaslHandshakeRequest>(1);
    client.receive::<SaslAuthenticateRequest>(2).1.error_code
}

#[test]
fn what_is_asked_behind_a_login_is_answered_when_that_is_right_alone() {
    let (running, _folder) = guarded();
    for (password, is_right) in [("secret", true), ("wrong", false)] {
        let mut client = running.client();
        begin(&mut client, password);
        client.send(9, &MetadataRequest::default());
        assert_eq!(finish(&mut client) == 0, is_right);
        let answered = client.receive_if_any::<MetadataRequest>(9);
        assert_eq!(answered.is_some(), is_right);
    }
    running.stop();
}

#[test]
fn who_is_not_known_sends_no_large_requests() {
    let (running, _folder) = guarded();
    let mut stranger = running.client();
    stranger.ask(3, &ApiVersionsRequest::default());
    let length = (8_i32 << 10) + 1;
    let sent = stranger.socket.write_all(&length.to_be_bytes());
    sent.expect("it is read");
    assert!(stranger.is_closed_silently());
    let mut ann = running.client();
    begin(&mut ann, "secret");
    assert_eq!(finish(&mut ann), 0);
    // What comes behind a message counts for its length alone.
    let mut body = frame(9, 1, &MetadataRequest::default())[4..].to_vec();
    body.resize(64 << 10, 0);
    let sent = ann.socket.write_all(&framed(&body));
    sent.expect("it is read");
    assert!(ann.receive_body().is_some(), "she may send more");
    running.stop();
}

#[test]
fn who_is_not_known_holds_nothing_of_what_may_be_in_flight() {
    let folder = TempDir::new().expect("a folder");
    let users = Users::path_in(folder.path());
    Users::change(&users, |it| it.set("ann", "secret")).expect("she is added");
    let running = start_with(|it| {
        let it = it.authenticate(true).users(users);
        it.in_flight_bytes(1 << 20)
    });
    let mut ann = running.client();
    begin(&mut ann, "secret");
    assert_eq!(finish(&mut ann), 0);
    ann.want_topic("orders");
    // Requests that are announced, twice as many bytes as may be in flight, and never sent.
    let strangers: Vec<_> = (0..256)
        .map(|_| {
            let mut stranger = running.client();
            let length = (8_i32 << 10).to_be_bytes();
            stranger.socket.write_all(&length).expect("it is read");
            stranger
        })
        .collect();
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    ann.produce("orders", &[&"x".repeat(500_000)]);
    // Before they are given up.
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(strangers);
    running.stop();
}

#[test]
fn a_flood_of_wrong_passwords_stops_nobody() {
    let (running, _folder) = guarded();
    let mut known = running.client();
    begin(&mut known, "secret");
    assert_eq!(finish(&mut known), 0);
    let mut flood: Vec<_> = (0..200).map(|_| running.client()).collect();
    for (number, client) in flood.iter_mut().enumerate() {
        begin(client, &format!("wrong {number}"));
    }
    let began = Instant::now();
    known.want_topic("orders");
    known.produce("orders", &["fine"]);
    // One who was here before does not wait in line.
    let mut again = running.client();
    begin(&mut again, "secret");
    assert_eq!(finish(&mut again), 0);
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    drop(flood);
    running.stop();
}

#[test]
fn strangers_leave_places_to_users() {
    let folder = TempDir::new().expect("a folder");
    let users = Users::path_in(folder.path());
    Users::change(&users, |it| it.set("ann", "secret")).expect("she is added");
    let running = start_with(|it| it.authenticate(true).users(users).connections_max(16));
    let mut known: Vec<_> = (0..12)
        .map(|_| {
            let mut client = running.client();
            begin(&mut client, "secret");
            assert_eq!(finish(&mut client), 0);
            client
        })
        .collect();
    known.truncate(8);
    let is_served = |client: &mut Client| {
        client.send(3, &ApiVersionsRequest::default());
        client.receive_if_any::<ApiVersionsRequest>(3).is_some()
    };
    let mut strangers: Vec<_> = (0..4).map(|_| running.client()).collect();
    assert!(strangers.iter_mut().all(is_served));
    // There are four places, for who comes from elsewhere or has logged in.
    assert!(!is_served(&mut running.client()));
    let mut former = strangers.pop().expect("there are four");
    begin(&mut former, "secret");
    assert_eq!(finish(&mut former), 0);
    assert!(is_served(&mut running.client()));
    running.stop();
}

#[test]
fn who_is_removed_gets_nothing_that_was_asked_for_before() {
    let (running, folder) = guarded();
    let connect = || {
        let mut client = running.client();
        begin(&mut client, "secret");
        assert_eq!(finish(&mut client), 0);
        client
    };
    let mut reading = connect();
    reading.want_topic("orders");
    let patient = fetch_request("orders", 0)
        .with_max_wait_ms(i32::MAX)
        .with_min_bytes(1);
    reading.send(FETCH, &patient);
    // In a group whose other member does not join again.
    connect().ask(3, &join_request());
    let mut waiting = connect();
    waiting.send(3, &join_request());
    std::thread::sleep(Duration::from_millis(100));
    let users = Users::path_in(folder.path());
    let began = Instant::now();
    Users::change(&users, |it| Ok(it.remove("ann"))).expect("she goes");
    assert!(reading.is_closed_silently() && waiting.is_closed_silently());
    assert!(began.elapsed() < Duration::from_secs(10), "by a timeout");
    running.stop();
}

fn join_request() -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(StrBytes::from_static_str("range"))
        .with_metadata(vec![0; 6].into());
    JoinGroupRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("readers")))
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_protocol_type(StrBytes::from_static_str("consumer"))
        .with_protocols(vec![protocol])
}

#[test]
fn over_http_users_are_asked_for_and_health_is_told() {
    let folder = TempDir::new().expect("a folder");
    let users = Users::path_in(folder.path());
    Users::change(&users, |it| it.set("ann", "secret")).expect("she is added");
    let running = start_with(|it| it.authenticate(true).users(users).http("127.0.0.1:0"));
    let address = running.http_address().expect("it was asked for");
    let status = |path: &str, header: &str| {
        let mut socket = TcpStream::connect(address).expect("it listens");
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: broker.test\r\n{header}Connection: close\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).expect("it is read");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|it| it.parse::<u16>().ok());
        status.expect("a status")
    };
    // ann:secret, and ann:wrong
    let right = "Authorization: Basic YW5uOnNlY3JldA==\r\n";
    let wrong = "Authorization: Basic YW5uOndyb25n\r\n";
    assert_eq!(status("/metrics", ""), 401);
    assert_eq!(status("/metrics", wrong), 401);
    assert_eq!(status("/nowhere", ""), 401);
    assert_eq!(status("/healthz", ""), 200);
    assert_eq!(status("/metrics", right), 200);
    running.stop();
    let open = start_with(|it| it.http("127.0.0.1:0"));
    let address = open.http_address().expect("it was asked for");
    let mut socket = TcpStream::connect(address).expect("it listens");
    let head = "GET /metrics HTTP/1.1\r\nHost: elsewhere.test\r\nConnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).expect("it is read");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    open.stop();
}

/// What whoever watches has lost, as the last event of a stream tells, which ends soon.
fn lost(mut live: Live) -> Option<String> {
    let began = Instant::now();
    let mut last = None;
    while began.elapsed() < Duration::from_secs(5) {
        match live.next() {
            Some(event) => last = Some(event),
            None => {
                let (name, data) = last?;
                return (name == "denied").then(|| data["lost"].to_string());
            }
        }
    }
    None
}

#[test]
fn who_is_removed_or_granted_less_watches_no_more() {
    let folder = TempDir::new().expect("a folder");
    let users = Users::path_in(folder.path());
    for name in ["ann", "bob", "eve"] {
        Users::change(&users, |it| it.set(name, "secret")).expect("there is one more");
    }
    let grants = folder.path().join("grants.toml");
    let grant = |names: &[&str]| {
        let lines = names
            .iter()
            .map(|it| format!("[users.{it}]\nmetrics = true\n"));
        std::fs::write(&grants, lines.collect::<String>()).expect("it is written");
    };
    grant(&["ann", "bob", "eve"]);
    let running = start_with(|it| {
        let it = it.authenticate(true).users(users.clone()).grants(&grants);
        it.http("127.0.0.1:0")
    });
    let address = running.http_address().expect("it was asked for");
    // By their names, and `secret`.
    let [mut ann, mut bob, mut eve] = ["YW5uOnNlY3JldA==", "Ym9iOnNlY3JldA==", "ZXZlOnNlY3JldA=="]
        .map(|it| Live::watch(address, &format!("Authorization: Basic {it}\r\n")));
    // Before, she would not even be let in.
    assert!(ann.next().is_some());
    Users::change(&users, |it| Ok(it.remove("ann"))).expect("she is removed");
    assert_eq!(lost(ann).as_deref(), Some("\"user\""));
    assert!(bob.next().is_some());
    Users::change(&users, |it| it.set("bob", "other")).expect("another password");
    assert_eq!(lost(bob).as_deref(), Some("\"user\""));
    assert!(eve.next().is_some());
    grant(&["ann", "bob"]);
    assert_eq!(lost(eve).as_deref(), Some("\"grant\""));
    running.stop();
}
