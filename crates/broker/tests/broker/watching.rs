//! The live page, health and metrics.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpSocket;

use crate::wire::start_with;

/// A request, after whose answer the connection ends.
fn request(method: &str, path: &str, header: &str) -> Vec<u8> {
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n");
    request.into_bytes()
}

/// A connection over which something was asked for.
fn ask(address: SocketAddr, method: &str, path: &str, header: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("it listens");
    let waits = socket.set_read_timeout(Some(Duration::from_secs(20)));
    waits.expect("it is a socket");
    let request = request(method, path, header);
    socket.write_all(&request).expect("it is read");
    socket
}

/// A connection from another address of this machine, 127.0.0.`last`.
pub(crate) fn connect_from(last: u8, address: SocketAddr) -> TcpStream {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_io().build().expect("a runtime");
    let connected = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, last], 0).into())?;
        socket.connect(address).await?.into_std()
    });
    let socket = connected.expect("it listens");
    socket.set_nonblocking(false).expect("it is a socket");
    let waits = socket.set_read_timeout(Some(Duration::from_secs(20)));
    waits.expect("it is a socket");
    socket
}

/// The head and the body of the answer that comes over a connection.
fn answer(mut socket: impl Read) -> (String, String) {
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

/// The head and the body of what is at a path.
fn whole(address: SocketAddr, method: &str, path: &str, header: &str) -> (String, String) {
    answer(ask(address, method, path, header))
}

/// The status and the body of what is at a path.
pub(crate) fn get(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let (head, body) = whole(address, method, path, "");
    (status(&head), body)
}

/// The same, over a connection that is there.
#[cfg(feature = "tls")]
pub(crate) fn get_over(mut socket: impl Read + Write, method: &str, path: &str) -> (u16, String) {
    let request = request(method, path, "");
    socket.write_all(&request).expect("it is read");
    let (head, body) = answer(socket);
    (status(&head), body)
}

fn status(head: &str) -> u16 {
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    status.expect("a status")
}

/// A header of an answer.
fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The events of `/live`, as they come.
pub(crate) struct Live {
    lines: Lines<BufReader<TcpStream>>,
}

impl Live {
    /// Of who says so much of itself.
    pub(crate) fn watch(address: SocketAddr, header: &str) -> Live {
        let socket = ask(address, "GET", "/live", header);
        let lines = BufReader::new(socket).lines();
        Live { lines }
    }

    /// The next event; what is around it, such as lengths of chunks, is passed over.
    pub(crate) fn next(&mut self) -> Option<(String, Value)> {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        let name = lines.find_map(|line| Some(line.strip_prefix("event: ")?.to_owned()))?;
        let data = lines.next().expect("data");
        let data = data.strip_prefix("data: ").expect("data");
        assert_eq!(lines.next().as_deref(), Some(""), "an event ends");
        Some((name, serde_json::from_str(data).expect("JSON")))
    }
}

/// The value of a metric, by its name and labels.
pub(crate) fn value(page: &str, name: &str) -> Option<f64> {
    let mut lines = page.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn what_is_counted_is_what_was_done() {
    let running = start_with(|it| it.http("127.0.0.1:0"));
    let http = running.http_address().expect("it was asked for");
    let mut client = running.client();
    client.want_topic("orders");
    client.produce("orders", &["a", "b"]);
    client.produce("orders", &["c"]);
    client.values_from("orders", 0);
    let (status, page) = get(http, "GET", "/metrics");
    assert_eq!(status, 200);
    let expected = [
        ("tamis_topic_records_in_total{topic=\"orders\"}", 3.0),
        ("tamis_topic_batches_in_total{topic=\"orders\"}", 2.0),
        ("tamis_topic_records_out_total{topic=\"orders\"}", 3.0),
        ("tamis_topic_offsets{topic=\"orders\"}", 3.0),
        ("tamis_topic_segments{topic=\"orders\"}", 1.0),
        ("tamis_topic_partitions_failed{topic=\"orders\"}", 0.0),
        (
            "tamis_request_duration_seconds_count{request=\"Produce\"}",
            2.0,
        ),
        (
            "tamis_request_duration_seconds_bucket{request=\"Fetch\",le=\"+Inf\"}",
            1.0,
        ),
        ("tamis_batch_records_sum", 3.0),
        ("tamis_batch_bytes_count", 2.0),
        ("tamis_connections", 1.0),
        ("tamis_in_flight_bytes", 0.0),
    ];
    for (name, count) in expected {
        assert_eq!(value(&page, name), Some(count), "{name}\n{page}");
    }
    let bytes_in = value(&page, "tamis_topic_bytes_in_total{topic=\"orders\"}");
    assert!(bytes_in.is_some_and(|it| it > 0.0));
    for same in ["tamis_topic_bytes_out_total", "tamis_topic_log_bytes"] {
        assert_eq!(
            value(&page, &format!("{same}{{topic=\"orders\"}}")),
            bytes_in
        );
    }
    let syncs = value(&page, "tamis_sync_duration_seconds_count");
    assert!(syncs.is_some_and(|it| it >= 1.0));
    assert!(value(&page, "process_resident_memory_bytes").is_some_and(|it| it > 1e6));
    running.stop();
}

#[test]
fn every_line_is_one_that_prometheus_reads() {
    let running = start_with(|it| it.http("127.0.0.1:0"));
    running.client().want_topic("a.b_c-d");
    let (_, page) = get(
        running.http_address().expect("it was asked for"),
        "GET",
        "/metrics",
    );
    let mut typed = Vec::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a kind");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(!typed.contains(&name), "{name} is told of twice");
            typed.push(name);
        } else if !line.starts_with("# HELP ") {
            let (name, number) = line.rsplit_once(' ').expect("a value");
            let last = typed.last().expect("a type comes first");
            assert!(name.starts_with(last), "{line} is not of {last}");
            assert!(number.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
        }
    }
    assert!(page.ends_with('\n'));
    running.stop();
}

#[test]
fn health_is_told_and_nothing_else() {
    let running = start_with(|it| it.http("127.0.0.1:0"));
    let http = running.http_address().expect("it was asked for");
    let ok = (200, "ok\n".to_owned());
    assert_eq!(get(http, "GET", "/healthz"), ok);
    assert_eq!(get(http, "GET", "/readyz?verbose"), ok);
    assert_eq!(get(http, "HEAD", "/readyz"), (200, String::new()));
    for nothing in ["/metrics/", "/live/", "/assets/", "/assets/../page.css"] {
        assert_eq!(get(http, "GET", nothing).0, 404, "{nothing}");
    }
    for path in ["/", "/live", "/metrics", "/assets/page.css"] {
        let (head, _) = whole(http, "POST", path, "");
        assert!(head.starts_with("HTTP/1.1 405 "), "{head}");
        assert_eq!(header(&head, "allow"), Some("GET, HEAD"));
        assert_eq!(get(http, "HEAD", path), (200, String::new()), "{path}");
    }
    running.stop();
}

#[test]
fn health_is_told_while_others_hold_all_connections() {
    let running = start_with(|it| it.http("127.0.0.1:0"));
    let http = running.http_address().expect("it was asked for");
    // Those that are kept for this machine, too.
    let open = || TcpStream::connect(http).expect("it listens");
    let silent: Vec<_> = (0..100).map(|_| open()).collect();
    assert_eq!(get(http, "GET", "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(http, "GET", "/live").0, 503);
    // From elsewhere one can also watch: who never asked anything has a part of the places.
    let mut watching = connect_from(2, http);
    let request = request("GET", "/live", "");
    watching.write_all(&request).expect("it is read");
    let mut status = [0; 12];
    watching.read_exact(&mut status).expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200");
    drop((silent, watching));
    running.stop();
}

#[test]
fn browsers_are_told_to_trust_nobody_else() {
    let running = start_with(|it| it.http("127.0.0.1:0"));
    let http = running.http_address().expect("it was asked for");
    for path in ["/", "/assets/main.js", "/live", "/metrics", "/nowhere"] {
        let (head, _) = whole(http, "HEAD", path, "");
        let policy = header(&head, "content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&head, "x-content-type-options"), Some("nosniff"));
        assert_eq!(header(&head, "referrer-policy"), Some("no-referrer"));
        let resource = header(&head, "cross-origin-resource-policy");
        assert_eq!(resource, Some("same-origin"));
    }
    let (head, page) = whole(http, "GET", "/", "");
    assert!(page.starts_with("<!doctype html>"));
    assert_eq!(
        header(&head, "content-type"),
        Some("text/html; charset=utf-8")
    );
    let tag = header(&head, "etag").expect("a tag");
    let (head, body) = whole(http, "GET", "/", &format!("If-None-Match: {tag}\r\n"));
    assert!(head.starts_with("HTTP/1.1 304 "), "{head}");
    assert_eq!(body, "");
    running.stop();
}

#[test]
fn who_watches_sees_what_was_and_what_comes() {
    let running = start_with(|it| it.http("127.0.0.1:0"));
    let http = running.http_address().expect("it was asked for");
    let mut client = running.client();
    client.want_topic("orders");
    client.produce("orders", &["a", "b"]);
    let mut live = Live::watch(http, "");
    let (name, history) = live.next().expect("an event");
    assert_eq!(name, "history");
    let points = history["at_ms"].as_array().expect("times").len();
    assert_eq!(history["records_in"].as_array().map(Vec::len), Some(points));
    let rates = |live: &mut Live| -> f64 {
        let (name, snapshot) = live.next().expect("an event");
        assert_eq!(name, "snapshot");
        let row = &snapshot["topics"]["rows"][0];
        assert_eq!(row["name"], "orders");
        snapshot["now"]["records_in"].as_f64().expect("a rate")
    };
    while rates(&mut live) > 0.0 {}
    client.produce("orders", &["c"]);
    while rates(&mut live) == 0.0 {}
    // Who comes later knows of it, too.
    let (_, later) = Live::watch(http, "").next().expect("an event");
    let seen = later["records_in"].as_array().expect("rates");
    assert!(seen.len() > points && seen.iter().any(|it| it.as_f64() > Some(0.0)));
    running.stop();
    while let Some((name, _)) = live.next() {
        if name == "ending" {
            assert!(live.next().is_none(), "the stream ends");
            return;
        }
    }
    panic!("the stream ended, and nobody said why");
}
