//! Connections that do nothing.

use std::io::Read;

use kafka_protocol::messages::ApiVersionsRequest;
use serde_json::{Value, json};

use crate::Result;
use crate::client::Client;

/// Opens `count` connections, asks something over each, says so, and holds them until the standard input ends.
pub(crate) fn run(address: &str, count: usize) -> Result<Value> {
    tamis_broker::raise_descriptor_limit();
    let mut held = Vec::new();
    for _ in 0..count {
        let mut client = Client::connect(address)?;
        client.ask(&ApiVersionsRequest::default(), 0)?;
        held.push(client.writer);
    }
    crate::print(&json!({ "connections": held.len() }));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(json!({}))
}
