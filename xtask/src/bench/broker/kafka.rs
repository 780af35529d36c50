//! Apache Kafka from Maven Central: the broker, and the tools that come with it.
//!
//! One process is broker and controller (KRaft). Java gets the options of `kafka-server-start.sh`, and the settings are those of the
//! `config/server.properties` that Kafka is shipped with: among them that the first consumer of a group is not kept waiting. Deleted topics give
//! their files back after a second instead of a minute, so that the disk has room for the next.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::probe::Probe;
use super::server::{Server, free_address};
use crate::Result;
use crate::command::{output, program};
use crate::maven::Jars;

/// What is measured against.
pub(super) const VERSION: &str = "4.4.0";

const BROKER: [&str; 2] = [
    "org.apache.kafka:kafka_2.13:4.4.0",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5",
];

/// The newest there are: of 4.4.0 Maven Central has none.
const TOOLS: [&str; 2] = [
    "org.apache.kafka:kafka-tools:4.3.1",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5",
];

/// Of `kafka-server-start.sh` and `kafka-run-class.sh`.
const JAVA_OPTIONS: [&str; 8] = [
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

/// What Kafka's own scripts give its tools.
const TOOL_OPTIONS: [&str; 1] = ["-Xmx512M"];

/// Kafka's jars.
#[derive(Debug)]
pub(super) struct Kafka {
    broker: Jars,
    tools: Jars,
}

impl Kafka {
    pub(super) fn fetch() -> Result<Self> {
        Ok(Self {
            broker: Jars::with("kafka-broker", &BROKER)?,
            tools: Jars::with("kafka-tools", &TOOLS)?,
        })
    }

    /// Formats a folder and starts a broker in it.
    pub(super) fn start(&self, folder: &Path, probe: &Probe) -> Result<Server> {
        let (address, controller) = (free_address()?, free_address()?);
        let properties = folder.with_extension("properties");
        let text = settings(&address, &controller, folder);
        fs::write(&properties, text)
            .map_err(|error| format!("{}: {error}", properties.display()))?;
        let storage = || java(&self.broker, &TOOL_OPTIONS, "kafka.tools.StorageTool");
        let id = output(storage().arg("random-uuid"))?;
        let id = id.lines().last().unwrap_or_default();
        let mut format = storage();
        format.args(["format", "--standalone", "--cluster-id", id, "--config"]);
        output(format.arg(&properties))?;
        let mut command = java(&self.broker, &JAVA_OPTIONS, "kafka.Kafka");
        command.arg(&properties);
        Server::other(&mut command, address, &folder.with_extension("log"), probe)
    }

    /// A program that comes with Kafka, by its class.
    pub(super) fn tool(&self, class: &str) -> Command {
        java(&self.tools, &TOOL_OPTIONS, class)
    }
}

fn java(jars: &Jars, options: &[&str], class: &str) -> Command {
    let mut command = program("java");
    command.args(options).arg("-cp").arg(jars.class_path());
    command.arg(class);
    command
}

fn settings(address: &str, controller: &str, folder: &Path) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         listeners=PLAINTEXT://{address},CONTROLLER://{controller}\n\
         advertised.listeners=PLAINTEXT://{address},CONTROLLER://{controller}\n\
         controller.listener.names=CONTROLLER\n\
         controller.quorum.bootstrap.servers={controller}\n\
         log.dirs={}\n\
         num.network.threads=3\n\
         num.io.threads=8\n\
         socket.send.buffer.bytes=102400\n\
         socket.receive.buffer.bytes=102400\n\
         offsets.topic.replication.factor=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         log.segment.delete.delay.ms=1000\n",
        folder.display()
    )
}
