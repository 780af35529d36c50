//! Appending: answers in order, and what is answered when.

use std::io::Write;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::{ApiVersionsRequest, CreateTopicsRequest, ProduceRequest};

use crate::wire::{
    Client, PRODUCE, appended, batch, frame, framed, outcome, produce_request, start, start_with,
    topic_name,
};

fn error_of(client: &mut Client, request: &ProduceRequest) -> Option<ResponseError> {
    let response = client.ask(PRODUCE, request);
    ResponseError::try_from_code(outcome(&response).0)
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let running = start();
    let mut client = running.client();
    client.want_topic("orders");
    // More than may wait for their answers, so that some are not read before others are answered.
    let count = 200;
    let mut ids = Vec::new();
    for number in 0..count {
        // The last is durable when it is answered, and all before it are, so that they can be read.
        let acks = if number % 2 == 0 { 1 } else { -1 };
        let value = format!("value {number}");
        ids.push(client.send(PRODUCE, &produce_request("orders", batch(&[&value]), acks)));
    }
    for (number, id) in (0..).zip(ids) {
        let (answered, response) = client.receive::<ProduceRequest>(PRODUCE);
        assert_eq!((answered, appended(&response)), (id, number));
    }
    let read = client.values_from("orders", 0);
    let expected: Vec<_> = (0..count).map(|it| (it, format!("value {it}"))).collect();
    assert_eq!(read, expected);
    running.stop();
}

#[test]
fn nobody_is_answered_who_asks_for_no_answer() {
    let running = start();
    let mut client = running.client();
    client.want_topic("orders");
    for value in ["a", "b"] {
        client.send(PRODUCE, &produce_request("orders", batch(&[value]), 0));
    }
    // What comes back first is the answer to the request behind them.
    client.ask(3, &ApiVersionsRequest::default());
    assert_eq!(client.produce("orders", &["c"]), 2);
    let values = client.values_from("orders", 0);
    assert_eq!(values.len(), 3);
    running.stop();
}

/// Topics are made on another thread, and what comes behind waits for it.
#[test]
fn who_makes_a_topic_finds_it_in_the_next_request() {
    let running = start();
    let mut client = running.client();
    let topic = |name: String| {
        let topic = CreatableTopic::default()
            .with_name(topic_name(&name))
            .with_num_partitions(1)
            .with_replication_factor(1);
        CreateTopicsRequest::default().with_topics(vec![topic])
    };
    let names: Vec<_> = (0..10).map(|number| format!("topic-{number}")).collect();
    for name in &names {
        client.send(5, &topic(name.clone()));
        client.send(PRODUCE, &produce_request(name, batch(&["a"]), -1));
    }
    for (number, name) in (0..).zip(&names) {
        let (id, created) = client.receive::<CreateTopicsRequest>(5);
        assert_eq!((id, created.topics[0].error_code), (2 * number + 1, 0));
        let (id, response) = client.receive::<ProduceRequest>(PRODUCE);
        assert_eq!((id, outcome(&response)), (2 * number + 2, (0, 0)), "{name}");
    }
    running.stop();
}

/// As with Kafka: nothing else could tell them.
#[test]
fn who_asks_for_no_answer_loses_the_connection_by_an_error() {
    let running = start();
    running.client().want_topic("orders");
    let mut damaged = batch(&["abc"]).to_vec();
    *damaged.last_mut().expect("bytes") ^= 1;
    for (topic, batch) in [("nowhere", batch(&["a"])), ("orders", damaged.into())] {
        let mut client = running.client();
        // What was asked before is answered before.
        let id = client.send(PRODUCE, &produce_request("orders", self::batch(&["b"]), -1));
        client.send(PRODUCE, &produce_request(topic, batch, 0));
        assert_eq!(client.receive::<ProduceRequest>(PRODUCE).0, id);
        assert!(client.is_closed_silently(), "{topic}");
    }
    assert_eq!(running.client().values_from("orders", 0).len(), 2);
    running.stop();
}

#[test]
fn what_cannot_be_appended_is_told() {
    let running = start();
    let mut client = running.client();
    client.want_topic("orders");
    let unknown = produce_request("nowhere", batch(&["a"]), -1);
    let error = Some(ResponseError::UnknownTopicOrPartition);
    assert_eq!(error_of(&mut client, &unknown), error);
    let acks = produce_request("orders", batch(&["a"]), 2);
    let error = Some(ResponseError::InvalidRequiredAcks);
    assert_eq!(error_of(&mut client, &acks), error);
    let large = "x".repeat(2 << 20);
    let large = produce_request("orders", batch(&[&large]), -1);
    let error = Some(ResponseError::MessageTooLarge);
    assert_eq!(error_of(&mut client, &large), error);
    let mut damaged = batch(&["abc"]).to_vec();
    *damaged.last_mut().expect("bytes") ^= 1;
    let damaged = produce_request("orders", damaged.into(), -1);
    let error = Some(ResponseError::CorruptMessage);
    assert_eq!(error_of(&mut client, &damaged), error);
    assert_eq!(client.produce("orders", &["b"]), 0, "none of them is there");
    running.stop();
}

#[test]
fn requests_that_are_larger_than_all_in_flight_get_through() {
    let running = start_with(|it| it.in_flight_bytes(8 << 10));
    let address = running.addresses()[0];
    Client::connect(address).want_topic("orders");
    let large = "x".repeat(100 << 10);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                for _ in 0..5 {
                    client.produce("orders", &[&large]);
                }
            });
        }
    });
    let mut client = Client::connect(address);
    assert_eq!(client.produce("orders", &["the end"]), 20);
    running.stop();
}

#[test]
fn a_request_in_many_pieces_is_one_request() {
    let running = start();
    let mut client = running.client();
    client.want_topic("orders");
    let request = produce_request("orders", batch(&["abc"]), -1);
    for byte in frame(PRODUCE, 77, &request) {
        client.socket.write_all(&[byte]).expect("it is read");
    }
    let (id, response) = client.receive::<ProduceRequest>(PRODUCE);
    assert_eq!((id, appended(&response)), (77, 0));
    running.stop();
}

/// librdkafka leaves three bytes behind when it asks for all topics.
#[test]
fn what_is_behind_the_end_of_a_request_is_let_be() {
    let running = start();
    let mut client = running.client();
    client.want_topic("orders");
    let request = frame(PRODUCE, 5, &produce_request("orders", batch(&["a"]), -1));
    let longer = framed(&[&request[4..], &[0; 3]].concat());
    client.socket.write_all(&longer).expect("it is read");
    let (id, response) = client.receive::<ProduceRequest>(PRODUCE);
    assert_eq!((id, appended(&response)), (5, 0));
    running.stop();
}
