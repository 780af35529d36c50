//! How a broker begins and ends.

use std::io::Write;
use std::time::{Duration, Instant};

use kafka_protocol::messages::ProduceRequest;
use tamis_broker::{Broker, Error};

use crate::wire::{
    Client, FETCH, PRODUCE, appended, batch, builder, fetch_request, produce_request, start,
    start_with,
};

#[test]
fn what_was_written_is_there_again() {
    let mut running = start();
    for round in 0..3 {
        assert!(running.recoveries().is_empty(), "it ended in order");
        let mut client = running.client();
        client.want_topic("orders");
        assert_eq!(
            client.produce("orders", &[&format!("round {round}")]),
            round
        );
        assert_eq!(client.values_from("orders", 0).len(), round as usize + 1);
        running = running.restarted();
    }
}

#[test]
fn who_waits_is_let_go_and_who_produced_is_answered() {
    let running = start();
    let address = running.addresses()[0];
    let mut waiting = Client::connect(address);
    waiting.want_topic("orders");
    let mut producing = Client::connect(address);
    let request = produce_request("orders", batch(&["a"]), -1);
    for _ in 0..20 {
        producing.send(PRODUCE, &request);
    }
    for offset in 0..20 {
        let (_, response) = producing.receive::<ProduceRequest>(PRODUCE);
        assert_eq!(appended(&response), offset);
    }
    let poll = fetch_request("orders", 20)
        .with_min_bytes(1)
        .with_max_wait_ms(60_000);
    waiting.send(FETCH, &poll);
    let start = Instant::now();
    running.stop();
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    assert!(waiting.is_closed_silently());
    assert!(producing.is_closed_silently());
}

#[test]
fn every_answer_that_came_before_the_end_was_true() {
    let running = start();
    let address = running.addresses()[0];
    let mut client = Client::connect(address);
    client.want_topic("orders");
    let producing = std::thread::spawn(move || {
        let request = produce_request("orders", batch(&["a"]), -1);
        let frame = crate::wire::frame(PRODUCE, 1, &request);
        let mut acknowledged = 0;
        while client.socket.write_all(&frame).is_ok()
            && client.receive_if_any::<ProduceRequest>(PRODUCE).is_some()
        {
            acknowledged += 1;
        }
        acknowledged
    });
    std::thread::sleep(Duration::from_millis(300));
    let running = running.restarted();
    let acknowledged = producing.join().expect("it ends with the broker");
    let topic = running.broker().topics().topic("orders").expect("a topic");
    let end = topic.partition(0).expect("a partition").end_offset();
    // One may be there of which nobody was told.
    assert!(
        (acknowledged..=acknowledged + 1).contains(&end),
        "{acknowledged} of {end}"
    );
    assert!(acknowledged > 0);
    running.stop();
}

#[test]
fn a_folder_has_one_broker() {
    let folder = tempfile::tempdir().expect("a folder");
    let builder = builder(&folder);
    let running = builder.clone().start().expect("it starts");
    let second = builder.clone().start().expect_err("it is in use");
    assert!(matches!(second, Error::InUse { .. }), "{second}");
    // It is free when it ended, though somebody still holds what there was.
    let held = running.broker().clone();
    running.stop().expect("it ends");
    let again = builder.start().expect("it is free again");
    again.stop().expect("it ends");
    drop(held);
}

#[test]
fn a_port_has_one_broker() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Broker::builder(folder.path().join("a")).listen("127.0.0.1:0");
    let running = first.start().expect("it starts");
    let address = running.addresses()[0].to_string();
    let second = Broker::builder(folder.path().join("b")).listen(&address);
    let refused = second.start().expect_err("the port is taken");
    assert!(matches!(&refused, Error::Listen { address: named, .. } if *named == address));
    assert!(!folder.path().join("b").exists(), "nothing was made");
    running.stop().expect("it ends");
}

#[test]
fn others_are_let_in_only_if_somebody_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let builder = builder(&folder);
    for exposed in [
        builder.clone().listen("0.0.0.0:0"),
        builder.clone().http("[::]:0"),
    ] {
        let refused = exposed.start().expect_err("it is reached from elsewhere");
        assert!(matches!(refused, Error::Exposed { .. }), "{refused}");
    }
    let running = builder.listen("0.0.0.0:0").insecure(true).start();
    let running = running.expect("somebody said so");
    assert_eq!(running.addresses().len(), 2);
    // Who listens everywhere is known by the address that a client used.
    let port = running.addresses()[1].port();
    let mut client = Client::connect(([127, 0, 0, 1], port).into());
    let brokers = client.want_topic("orders").brokers;
    assert_eq!(
        (brokers[0].host.as_str(), brokers[0].port),
        ("127.0.0.1", i32::from(port))
    );
    running.stop().expect("it ends");
}

#[test]
fn clients_are_told_what_was_said_to_be_told() {
    let running = start_with(|it| {
        it.create_topics(false)
            .advertise("broker.example.com", 19_092)
    });
    let mut client = running.client();
    let told = client.want_topic("orders");
    let broker = &told.brokers[0];
    assert_eq!(
        (broker.host.as_str(), broker.port),
        ("broker.example.com", 19_092)
    );
    assert_eq!(told.topics[0].error_code, 3, "no topic is made");
    running.stop();
}

#[test]
fn each_listener_can_tell_its_clients_another_address() {
    let running = start_with(|it| {
        it.listen("127.0.0.1:0")
            .advertise("inside", 1)
            .advertise("outside", 2)
    });
    let told = running.addresses().iter().map(|address| {
        let broker = Client::connect(*address).want_topic("orders").brokers[0].clone();
        (broker.host.to_string(), broker.port)
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told, [("inside".to_owned(), 1), ("outside".to_owned(), 2)]);
    running.stop();
}

#[tokio::test]
async fn it_lives_on_a_runtime_of_others_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let builder = builder(&folder);
    let serving = builder.clone().spawn().await.expect("it starts");
    let address = serving.addresses()[0];
    assert_eq!(serving.bootstrap_servers(), address.to_string());
    let producing = tokio::task::spawn_blocking(move || {
        let mut client = Client::connect(address);
        client.want_topic("orders");
        client.produce("orders", &["a"])
    });
    assert_eq!(producing.await.expect("it produces"), 0);
    serving.stop().await.expect("it ends");
    // One with threads of its own can be held here as well, and dropped.
    let running = builder.start().expect("the folder is free");
    assert!(running.recoveries().is_empty());
    drop(running);
}

#[test]
fn a_connection_over_which_nothing_comes_is_closed() {
    let running = start_with(|it| it.idle_timeout(Duration::from_millis(200)));
    let mut client = running.client();
    client.want_topic("orders");
    assert!(client.is_closed_silently());
    running.stop();
}
