//! Ctrl-C and its relatives.

use std::io::Write;
use std::time::{Duration, Instant};

use super::{ALL_OUTPUTS, feed_for_ever, shell, signal, stalled};
use crate::data::good_csv;
use crate::shell::Ran;

#[test]
fn interrupting_a_big_file_leaves_nothing() {
    for name in ["INT", "TERM"] {
        let shell = shell();
        shell.write("orders.csv", good_csv(600_000));
        let (child, _) = stalled(&shell, "orders.csv");
        signal(&child, name);
        // The handler's thread needs a moment before the pipe is drained.
        std::thread::sleep(Duration::from_millis(50));
        let ran = Ran::from(child.wait_with_output().expect("tamis ends"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(130), ""), "{name}");
        assert_eq!(shell.files(), ["orders.csv", "orders.odcs.yaml"], "{name}");
    }
}

#[test]
fn interrupting_a_pipe_without_end_leaves_nothing() {
    for name in ["INT", "TERM"] {
        let shell = shell();
        let outputs = "--good good.csv --bad bad.csv --report report.json";
        let mut child = shell.start(&format!(
            "check - --input-format csv --contract orders.odcs.yaml {outputs}"
        ));
        let feeding = feed_for_ever(&mut child);
        std::thread::sleep(Duration::from_millis(300));
        signal(&child, name);
        let ran = Ran::from(child.wait_with_output().expect("tamis ends"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(130), ""), "{name}");
        assert_eq!(shell.files(), ["orders.odcs.yaml"], "{name}");
        assert!(feeding.join().expect("the feeder ends") > 0);
    }
}

#[test]
fn interrupting_a_pipe_that_is_silent_does_not_wait() {
    let shell = shell();
    let mut child = shell.start(&format!(
        "check - --input-format csv --contract orders.odcs.yaml {ALL_OUTPUTS}"
    ));
    // Stays open, with a record begun.
    let mut stdin = child.stdin.take().expect("standard input is piped");
    stdin.write_all(b"id,amount,memo\nTX00").expect("it reads");
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    let start = Instant::now();
    let ran = Ran::from(child.wait_with_output().expect("tamis ends"));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(130), ""));
    assert_eq!(shell.files(), ["orders.odcs.yaml"]);
}

/// Outputs have no name before they are finished, where the file system can do that.
#[test]
fn killing_leaves_no_temporary_file() {
    let shell = shell();
    let outputs = "--good good.csv --bad bad.csv --report report.json";
    let mut child = shell.start(&format!(
        "check - --input-format csv --contract orders.odcs.yaml {outputs}"
    ));
    let feeding = feed_for_ever(&mut child);
    std::thread::sleep(Duration::from_millis(300));
    child.kill().expect("it can be killed");
    child.wait().expect("it ended");
    assert_eq!(shell.files(), ["orders.odcs.yaml"]);
    assert!(feeding.join().expect("the feeder ends") > 0);
}
