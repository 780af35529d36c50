//! What a broker under load allocates: something for each request, nothing for each message.
//!
//! The whole process is counted, so this is a program of its own, with one test. The client sends the same bytes again and again
//! and allocates nothing; what else the process does meanwhile (a flush every tenth of a second) is little beside so many
//! requests.

use std::io::{Read, Write};

use dhat::{Alloc, HeapStats, Profiler};
use tamis_broker::Broker;

#[path = "broker/wire.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
mod wire;

use wire::{Client, PRODUCE, batch, frame, produce_request};

#[global_allocator]
static ALLOCATOR: Alloc = Alloc;

/// Requests before it is counted: pools, tails and indexes are filled by them.
const WARMING: usize = 100;

/// Requests that are counted.
const COUNTED: usize = 200;

/// What is allocated for each of many requests with so many messages: blocks, and bytes.
fn of_each(client: &mut Client, messages: usize, acks: i16) -> (f64, f64) {
    let values = vec!["value"; messages];
    let request = frame(PRODUCE, 1, &produce_request("orders", batch(&values), acks));
    let mut answer = [0; 1024];
    let mut before = HeapStats::get();
    for number in 0..WARMING + COUNTED {
        if number == WARMING {
            before = HeapStats::get();
        }
        client.socket.write_all(&request).expect("it is read");
        let (length, rest) = answer.split_at_mut(4);
        client.socket.read_exact(length).expect("an answer");
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let body = &mut rest[..length];
        client.socket.read_exact(body).expect("an answer");
    }
    let after = HeapStats::get();
    let blocks = (after.total_blocks - before.total_blocks) as f64;
    let bytes = (after.total_bytes - before.total_bytes) as f64;
    (blocks / COUNTED as f64, bytes / COUNTED as f64)
}

#[test]
fn messages_allocate_nothing() {
    let _profiler = Profiler::builder().testing().build();
    let folder = tempfile::tempdir().expect("a folder");
    let builder = Broker::builder(folder.path()).listen("127.0.0.1:0");
    let running = builder.threads(1).start().expect("it starts");
    let mut client = Client::connect(running.addresses()[0]);
    client.want_topic("orders");
    for acks in [1, -1] {
        let (small, _) = of_each(&mut client, 1, acks);
        let (large, large_bytes) = of_each(&mut client, 20_000, acks);
        assert!(small < 30.0, "{small} blocks for a request of one message");
        assert!(
            large < small + 3.0,
            "{large} blocks for 20,000 messages, {small} for one"
        );
        // The request itself has 260,000.
        assert!(large_bytes < 20_000.0, "{large_bytes} bytes for a request");
    }
    running.stop().expect("it ends");
}
