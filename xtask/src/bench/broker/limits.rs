//! What a broker takes that has much to hold: gigabytes, partitions, connections; and how soon it is there.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::clients::confluent;
use super::performance::{Batching, Load, Value};
use super::process::Process;
use super::results::Figures;
use super::server::{Server, Who};
use super::setting::{Extent, Setting, observe};
use crate::Result;

pub(super) const LIMITS: &str = "limits";

pub(super) const REPLAY: &str = "5 GB produced and read again";
pub(super) const JOIN: &str = "first assignment of a group";
pub(super) const IDLE: &str = "1,000 idle connections";
pub(super) const START: &str = "start with an empty folder";
pub(super) const PARTITIONS: &str = "start with 10,000 partitions";
pub(super) const KILLED: &str = "the same after kill -9";

const REPLAY_MESSAGES: u64 = 5_000_000;
const REPLAY_SIZE: usize = 1000;
const STARTS: usize = 5;
const JOINS: usize = 3;
const TOPICS: usize = 10;
const CONNECTIONS: &str = "1000";

pub(super) fn run(setting: &mut Setting) {
    eprintln!("limits");
    for who in [Who::Tamis, Who::Kafka] {
        if setting.extent != Extent::Usual {
            replay(setting, who);
        }
    }
    for who in [Who::Tamis, Who::Kafka, Who::Tansu] {
        for _ in 0..joins(setting.extent, who) {
            join(setting, who);
        }
        idle(setting, who);
    }
    start(setting);
    let partitions = with_partitions(setting);
    if let Err(reason) = partitions {
        let name = Who::Tamis.name();
        setting.results.note(LIMITS, PARTITIONS, name, Err(reason));
    }
}

/// How often a group is joined: Tansu takes 23 s for it.
fn joins(extent: Extent, who: Who) -> usize {
    match (who, extent) {
        (Who::Tansu, Extent::Quick) => 0,
        (Who::Tansu, _) => 1,
        _ => JOINS,
    }
}

fn replay(setting: &mut Setting, who: Who) {
    if setting.performance.is_none() {
        return;
    }
    setting.measure((LIMITS, REPLAY, who), (4, &[]), |it, server, topic| {
        let performance = it.performance.as_ref().ok_or("there is no client")?;
        let load = Load {
            address: Some(&server.address),
            topic,
            messages: it.scaled(REPLAY_MESSAGES),
            value: Value::Bytes(REPLAY_SIZE),
            codec: "none",
            acks: 1,
            producers: 1,
            batching: Batching::Large,
        };
        let both = || {
            let produced = performance.produce(load)?;
            let read = performance.consume(&server.address, topic, 4, load.messages)?;
            Ok(produced.seconds + read.seconds)
        };
        let (seconds, usage) = observe(&server.process, both)?;
        Ok(vec![("s", seconds), ("peak RSS MB", usage.peak_rss_mb)])
    });
}

fn join(setting: &mut Setting, who: Who) {
    if setting.python.is_none() {
        return;
    }
    setting.measure((LIMITS, JOIN, who), (4, &[]), |it, server, topic| {
        let python = it.python.as_ref().ok_or("there is no Python")?;
        let joined = confluent(python, &["join", &server.address, topic])?;
        Ok(vec![("s", joined.seconds)])
    });
}

fn idle(setting: &mut Setting, who: Who) {
    let Some(server) = setting.server(who) else {
        return;
    };
    let grown = server.and_then(|server| {
        let before = server.process.rss_mb();
        let mut command = setting
            .probe
            .command(&["idle", &server.address, CONNECTIONS]);
        let mut probe = Process::start(command.stdin(Stdio::piped()))?;
        let stdout = probe.child().stdout.take().ok_or("it says nothing")?;
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        read.map_err(|error| error.to_string())?;
        match line.is_empty() {
            true => Err("the connections were not all there".to_owned()),
            false => Ok(vec![("RSS growth MB", server.process.rss_mb() - before)]),
        }
    });
    setting.results.note(LIMITS, IDLE, who.name(), grown);
}

/// How soon each is there; Kafka once more than it was started already.
fn start(setting: &mut Setting) {
    let folder = setting.folder.join("start");
    for _ in 0..STARTS {
        let started = empty(&folder).and_then(|()| Server::tamis(&folder));
        note_start(setting, Who::Tamis, started);
    }
    if let Some(kafka) = &setting.kafka {
        let started = empty(&folder).and_then(|()| kafka.start(&folder, &setting.probe));
        note_start(setting, Who::Kafka, started);
    }
    if let Some(Ok(server)) = setting.server(Who::Tansu) {
        let figures = vec![("s", server.start_seconds)];
        setting
            .results
            .note(LIMITS, START, Who::Tansu.name(), Ok(figures));
    }
    let _ = fs::remove_dir_all(&folder);
}

fn note_start(setting: &mut Setting, who: Who, started: Result<Server>) {
    let figures = started.map(|server| {
        vec![
            ("s", server.start_seconds),
            ("RSS MB", server.process.rss_mb()),
        ]
    });
    setting.results.note(LIMITS, START, who.name(), figures);
}

/// Starts a broker over a folder with many partitions, which it was told to end with, and again after it was not told.
fn with_partitions(setting: &mut Setting) -> Result<()> {
    let folder = setting.folder.join("partitions");
    empty(&folder)?;
    let server = Server::tamis(&folder)?;
    for number in 0..TOPICS {
        let topic = format!("many-{number}");
        let words = ["create", &server.address, &topic, "1000"];
        setting.probe.run(&words)?;
    }
    server.process.stop()?;
    let name = Who::Tamis.name();
    let server = Server::tamis(&folder)?;
    setting
        .results
        .note(LIMITS, PARTITIONS, name, Ok(holding(&server)));
    drop(server);
    let server = Server::tamis(&folder)?;
    setting
        .results
        .note(LIMITS, KILLED, name, Ok(holding(&server)));
    drop(server);
    let _ = fs::remove_dir_all(&folder);
    Ok(())
}

fn holding(server: &Server) -> Figures {
    vec![
        ("s", server.start_seconds),
        ("RSS MB", server.process.rss_mb()),
        ("descriptors", server.process.descriptors()),
    ]
}

/// Sees to it that nothing is there.
fn empty(folder: &std::path::Path) -> Result<()> {
    match folder.exists() {
        true => fs::remove_dir_all(folder).map_err(|it| format!("{}: {it}", folder.display())),
        false => Ok(()),
    }
}
