//! The program that measures what a client would not show: `crates/broker/examples/probe`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Result;
use crate::command::{cargo, output, program, require, target};

/// The program, built.
#[derive(Debug)]
pub(super) struct Probe(PathBuf);

impl Probe {
    pub(super) fn build() -> Result<Self> {
        require(&mut cargo(
            "build --release --package tamis-broker --features io-uring --example probe",
        ))?;
        Ok(Self(target().join("release/examples/probe")))
    }

    /// Runs a command to its end; returns what it says last.
    pub(super) fn run(&self, words: &[&str]) -> Result<Value> {
        let answer = output(&mut self.command(words))?;
        let line = answer.lines().last().unwrap_or_default();
        parse(line)
    }

    /// The command, not started.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = program(&self.0);
        command.args(words).stdout(Stdio::piped());
        command
    }
}

/// A line of the program.
pub(super) fn parse(line: &str) -> Result<Value> {
    serde_json::from_str(line).map_err(|error| format!("`{line}`: {error}"))
}
