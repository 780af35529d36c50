//! What goes wrong outside of Tamis: each fault has its exit code and its message, and leaves nothing half-written.

mod changes;
mod inputs;
mod outputs;
mod scans;
mod signals;
mod verbs;

use std::io::{Read, Write};
use std::process::{Child, Command};

use crate::data::CONTRACT;
use crate::shell::Shell;

/// The arguments that write every kind of output, the good records to standard output.
const ALL_OUTPUTS: &str = "--good - --bad bad.csv --report report.json";

/// A folder with the contract in it.
fn shell() -> Shell {
    let shell = Shell::new();
    shell.write("orders.odcs.yaml", CONTRACT);
    shell
}

/// Starts a check whose good records go to a pipe that nobody reads yet. Once the pipe is full the run stands still, in
/// the middle of any input that is much longer than pipes and chunks; returns when the first bytes are there.
fn stalled(shell: &Shell, arguments: &str) -> (Child, Vec<u8>) {
    let command = format!("check --contract orders.odcs.yaml {ALL_OUTPUTS} {arguments}");
    let mut child = shell.start(&command);
    let mut first = vec![0; 1];
    let stdout = child.stdout.as_mut().expect("standard output is piped");
    stdout.read_exact(&mut first).expect("records come");
    (child, first)
}

/// Sends a signal by its name (`INT`).
pub(crate) fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("sh");
    kill.arg("-c").arg(format!("kill -{name} {}", child.id()));
    assert!(kill.status().expect("a shell").success());
}

/// Writes records without end into a child's standard input, until it is closed.
pub(crate) fn feed_for_ever(child: &mut Child) -> std::thread::JoinHandle<usize> {
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let rows = crate::data::good_csv(10_000);
    let (header, rows) = rows.split_at(crate::data::HEADER.len());
    let (header, rows) = (header.to_owned(), rows.to_owned());
    std::thread::spawn(move || {
        let mut written = 0;
        let mut next = header.as_bytes();
        while stdin.write_all(next).is_ok() {
            written += next.len();
            next = rows.as_bytes();
        }
        written
    })
}
