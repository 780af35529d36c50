//! Clients that do what they should not: they lose their connection, and nobody else notices.

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, ResponseHeader};
use kafka_protocol::protocol::Decodable;

use crate::wire::{
    Client, FETCH, PRODUCE, Started, batch, fetch_request, frame, framed, produce_request,
    start_with,
};

fn guarded() -> Started {
    start_with(|it| {
        it.connections_max(20)
            .in_flight_bytes(1 << 20)
            .stall_timeout(Duration::from_millis(500))
    })
}

/// That others are served as if nothing had been.
fn still_serves(running: &Started) {
    let mut client = running.client();
    client.want_topic("orders");
    let offset = client.produce("orders", &["fine"]);
    let read = client.values_from("orders", offset);
    assert_eq!(read, [(offset, "fine".to_owned())]);
}

#[test]
fn lengths_that_cannot_be_end_the_connection() {
    let running = guarded();
    for length in [i32::MAX, i32::MIN, -1, (100 << 20) + 1] {
        let mut client = running.client();
        let sent = client.socket.write_all(&length.to_be_bytes());
        sent.expect("it is read");
        assert!(client.is_closed_silently(), "{length}");
    }
    still_serves(&running);
    running.stop();
}

#[test]
fn whatever_bytes_come_others_are_served() {
    let running = start_with(|it| it.stall_timeout(Duration::from_millis(500)));
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..200 {
        let mut client = running.client();
        let mut bytes = vec![0; random.usize(0..4000)];
        random.fill(&mut bytes);
        if random.bool() {
            // A length that can be, and often a request that there is.
            bytes = framed(&bytes);
            if let Some(number) = bytes.get_mut(4..8) {
                number.copy_from_slice(&[0, random.u8(0..50), 0, random.u8(0..14)]);
            }
        }
        // It may have had enough before it has everything.
        let _ = client.socket.write_all(&bytes);
        let _ = client.socket.shutdown(Shutdown::Write);
    }
    still_serves(&running);
    running.stop();
}

#[test]
fn who_waits_with_a_long_request_keeps_nobody_from_producing() {
    let running = guarded();
    running.client().want_topic("orders");
    let fetch = fetch_request("orders", 0)
        .with_max_wait_ms(i32::MAX)
        .with_min_bytes(i32::MAX);
    let mut body = frame(FETCH, 1, &fetch)[4..].to_vec();
    // What comes behind the message counts too: all that may be worked on at a time.
    body.resize(1 << 20, 0);
    let mut waiting = running.client();
    let sent = waiting.socket.write_all(&framed(&body));
    sent.expect("it is read");
    std::thread::sleep(Duration::from_millis(200));
    let mut client = running.client();
    let value = "x".repeat(500_000);
    assert_eq!(client.produce("orders", &[&value]), 0);
    // A second one finds no room, and is told at once.
    let mut crowded = running.client();
    let sent = crowded.socket.write_all(&framed(&body));
    sent.expect("it is read");
    assert!(crowded.is_closed_silently());
    still_serves(&running);
    running.stop();
}

#[test]
fn who_takes_no_answers_is_let_go() {
    let running = guarded();
    let mut client = running.client();
    client.want_topic("orders");
    let value = "x".repeat(100_000);
    for _ in 0..40 {
        client.produce("orders", &[&value]);
    }
    // Far more than sockets hold.
    let fetch = frame(FETCH, 1, &fetch_request("orders", 0));
    let start = Instant::now();
    while client.socket.write_all(&fetch).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(20), "it is kept");
        std::thread::sleep(Duration::from_millis(20));
    }
    still_serves(&running);
    running.stop();
}

#[test]
fn bytes_that_are_no_request_end_the_connection() {
    let running = guarded();
    let produce = frame(PRODUCE, 1, &produce_request("orders", batch(&["a"]), -1));
    let body = &produce[4..];
    let mut bodies = vec![
        Vec::new(),
        vec![0; 7],
        vec![0xff; 8],
        vec![0xff; 100],
        // No request has this number, and none this version.
        [&[0x7f, 0xff, 0, 0], &body[4..]].concat(),
        [&[0, 0, 0x7f, 0xff], &body[4..]].concat(),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
    ];
    // It ends too early, wherever that is.
    bodies.extend((0..body.len()).map(|end| body[..end].to_vec()));
    for body in bodies {
        let mut client = running.client();
        client.socket.write_all(&framed(&body)).expect("it is read");
        assert!(client.is_closed_silently(), "{body:x?}");
    }
    still_serves(&running);
    running.stop();
}

#[test]
fn a_length_in_a_request_is_not_believed() {
    let running = guarded();
    // Of an old version, in which lengths have four bytes: each of them in turn claims to be two billion.
    for (version, request) in [(3, true), (4, false)] {
        let whole = match request {
            true => frame(version, 1, &produce_request("orders", batch(&["a"]), -1)),
            false => frame(version, 1, &fetch_request("orders", 0)),
        };
        for at in 14..whole.len() - 4 {
            let mut body = whole[4..].to_vec();
            body[at - 4..at].copy_from_slice(&i32::MAX.to_be_bytes());
            let mut client = running.client();
            client.socket.write_all(&framed(&body)).expect("it is read");
            client.socket.shutdown(Shutdown::Write).expect("a socket");
            // An answer or none: it comes to an end, and takes no memory on the way.
            let _ = client.receive_body();
        }
    }
    still_serves(&running);
    running.stop();
}

#[test]
fn half_a_request_is_none() {
    let running = guarded();
    running.client().want_topic("orders");
    let produce = frame(PRODUCE, 1, &produce_request("orders", batch(&["a"]), -1));
    for end in [1, 3, 4, 5, produce.len() / 2, produce.len() - 1] {
        let mut client = running.client();
        client
            .socket
            .write_all(&produce[..end])
            .expect("it is read");
        client.socket.shutdown(Shutdown::Write).expect("a socket");
        assert!(client.is_closed_silently(), "{end}");
    }
    let mut client = running.client();
    assert_eq!(client.produce("orders", &["first"]), 0);
    running.stop();
}

#[test]
fn those_who_trickle_do_not_keep_others_waiting() {
    let running = guarded();
    // Together they hold all that may be in flight, and then send a byte now and then.
    let mut trickling = Vec::new();
    for _ in 0..4 {
        let mut client = running.client();
        let length = (512_i32 << 10).to_be_bytes();
        client.socket.write_all(&length).expect("it is read");
        trickling.push(client);
    }
    let start = Instant::now();
    let ended = std::thread::spawn(move || {
        for client in &mut trickling {
            while client.socket.write_all(b"x").is_ok() {
                assert!(
                    start.elapsed() < Duration::from_secs(30),
                    "it is read for ever"
                );
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    });
    still_serves(&running);
    let large = "x".repeat(200 << 10);
    let mut client = running.client();
    client.produce("orders", &[&large]);
    ended.join().expect("each of them is given up");
    running.stop();
}

#[test]
fn too_many_connections_are_refused_until_others_end() {
    let running = guarded();
    let address = running.addresses()[0];
    let mut taken: Vec<Client> = (0..20).map(|_| Client::connect(address)).collect();
    for client in &mut taken {
        client.ask(3, &ApiVersionsRequest::default());
    }
    assert!(Client::connect(address).is_closed_silently());
    drop(taken);
    let start = Instant::now();
    loop {
        let mut client = Client::connect(address);
        let request = frame(3, 1, &ApiVersionsRequest::default());
        if client.socket.write_all(&request).is_ok() && client.receive_body().is_some() {
            break;
        }
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "no place is free"
        );
    }
    running.stop();
}

/// KIP-511: who asks in a version that is not served is told in version 0 which ones are.
#[test]
fn an_unknown_version_of_the_first_request_gets_a_list() {
    let running = guarded();
    let mut client = running.client();
    let body = [
        &18_i16.to_be_bytes()[..],
        &99_i16.to_be_bytes(),
        &7_i32.to_be_bytes(),
        &[0xff, 0xff],
    ];
    let sent = client.socket.write_all(&framed(&body.concat()));
    sent.expect("it is read");
    let mut answer = client.receive_body().expect("an answer");
    let header = ResponseHeader::decode(&mut answer, 0).expect("a header");
    assert_eq!(header.correlation_id, 7);
    let response = ApiVersionsResponse::decode(&mut answer, 0).expect("an answer");
    assert_eq!(response.error_code, 35);
    let produce = response.api_keys.iter().find(|it| it.api_key == 0);
    assert!(produce.is_some_and(|it| it.max_version >= PRODUCE));
    let fetch = response.api_keys.iter().find(|it| it.api_key == 1);
    assert!(fetch.is_some_and(|it| it.max_version >= FETCH));
    // The connection goes on.
    client.ask(3, &ApiVersionsRequest::default());
    running.stop();
}
