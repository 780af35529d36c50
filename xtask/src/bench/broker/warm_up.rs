//! A load before anything is measured: a virtual machine such as Java's gets faster while it works.

use super::performance::{Batching, Load, Value};
use super::server::{Server, Who};
use super::setting::{Extent, Setting};
use crate::Result;

const TOPIC: &str = "warm-up";

const MESSAGES: u64 = 3_000_000;

/// Small requests and large ones, and reading, on every broker that stays.
pub(super) fn run(setting: &Setting) -> Result<()> {
    for who in [Who::Tamis, Who::Kafka] {
        if let Some(server) = setting.server(who) {
            eprintln!("warming {} up", who.name());
            warm(setting, &*server?)?;
        }
    }
    Ok(())
}

fn warm(setting: &Setting, server: &Server) -> Result<()> {
    let address = server.address.as_str();
    setting.probe.run(&["create", address, TOPIC, "4"])?;
    let seconds = match setting.extent {
        Extent::Quick => "seconds=3",
        Extent::Usual | Extent::Full => "seconds=15",
    };
    let words = ["produce", address, TOPIC, "partitions=4", seconds];
    let load = ["connections=8", "window=32", "acks=1"];
    setting.probe.run(&[&words[..], &load[..]].concat())?;
    if let Some(performance) = &setting.performance {
        let load = Load {
            address: Some(address),
            topic: TOPIC,
            messages: setting.scaled(MESSAGES),
            value: Value::Bytes(100),
            codec: "none",
            acks: -1,
            producers: 1,
            batching: Batching::Large,
        };
        performance.produce(load)?;
        performance.consume(address, TOPIC, 4, load.messages)?;
    }
    setting.probe.run(&["delete", address, TOPIC])?;
    Ok(())
}
