//! Health and metrics.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::wire::start_with;

/// The status and the body of what is at a path.
fn get(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).expect("it listens");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("it is read");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    (status.expect("a status"), body.to_owned())
}

/// The value of a metric, by its name and labels.
fn value(page: &str, name: &str) -> Option<f64> {
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
    assert_eq!(get(http, "GET", "/").0, 404);
    assert_eq!(get(http, "GET", "/metrics/").0, 404);
    assert_eq!(get(http, "POST", "/metrics").0, 405);
    running.stop();
}
