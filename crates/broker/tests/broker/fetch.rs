//! Reading: waiting for records, and limits.

use std::time::{Duration, Instant};

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::FetchRequest;

use crate::wire::{Client, FETCH, Started, fetch_request, start, values};

/// A broker with a topic in which there are so many batches of one record each.
fn with_batches(count: usize) -> (Started, Client) {
    let running = start();
    let mut client = running.client();
    client.want_topic("orders");
    for number in 0..count {
        client.produce("orders", &[&format!("value {number}")]);
    }
    (running, client)
}

#[test]
fn who_waits_is_woken() {
    let (running, mut client) = with_batches(1);
    let address = running.addresses()[0];
    let request = fetch_request("orders", 1)
        .with_min_bytes(1)
        .with_max_wait_ms(15_000);
    let start = Instant::now();
    let id = client.send(FETCH, &request);
    let producer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        Client::connect(address).produce("orders", &["late"]);
    });
    let (answered, response) = client.receive::<FetchRequest>(FETCH);
    let took = start.elapsed();
    producer.join().expect("it produces");
    assert_eq!(answered, id);
    assert_eq!(values(&response), [(1, "late".to_owned())]);
    assert!(took > Duration::from_millis(150), "{took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    running.stop();
}

#[test]
fn who_wants_more_than_there_is_waits_to_the_end() {
    let (running, mut client) = with_batches(2);
    let request = fetch_request("orders", 0)
        .with_min_bytes(1 << 20)
        .with_max_wait_ms(300);
    let start = Instant::now();
    let response = client.ask(FETCH, &request);
    assert!(start.elapsed() >= Duration::from_millis(290));
    assert_eq!(values(&response).len(), 2, "what there is then");
    let start = Instant::now();
    let enough = request.with_min_bytes(100).with_max_wait_ms(15_000);
    assert_eq!(values(&client.ask(FETCH, &enough)).len(), 2);
    assert!(start.elapsed() < Duration::from_secs(10), "there is enough");
    running.stop();
}

#[test]
fn limits_hold_but_for_the_first_batch() {
    let (running, mut client) = with_batches(10);
    let whole = client.ask(FETCH, &fetch_request("orders", 0));
    let bytes = whole.responses[0].partitions[0].records.clone();
    let batch_bytes = bytes.expect("records").len() / 10;
    for (limit, expected) in [
        (0, 1),
        (1, 1),
        (2 * batch_bytes, 2),
        (2 * batch_bytes + 9, 2),
    ] {
        let limit = i32::try_from(limit).expect("small");
        let of_answer = fetch_request("orders", 3).with_max_bytes(limit);
        let read = values(&client.ask(FETCH, &of_answer));
        assert_eq!(read.len(), expected, "{limit}");
        assert_eq!(read[0], (3, "value 3".to_owned()));
        let mut of_partition = fetch_request("orders", 3);
        of_partition.topics[0].partitions[0].partition_max_bytes = limit;
        assert_eq!(values(&client.ask(FETCH, &of_partition)).len(), expected);
    }
    running.stop();
}

#[test]
fn offsets_that_are_not_there_are_told_at_once() {
    let (running, mut client) = with_batches(1);
    for offset in [-1, 2, i64::MAX] {
        let request = fetch_request("orders", offset)
            .with_min_bytes(1)
            .with_max_wait_ms(15_000);
        let start = Instant::now();
        let response = client.ask(FETCH, &request);
        let error = response.responses[0].partitions[0].error_code;
        let error = ResponseError::try_from_code(error);
        assert_eq!(error, Some(ResponseError::OffsetOutOfRange), "{offset}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    running.stop();
}
