//! `tamis check --follow` from outside: violations as they are found, rotation, the end by Ctrl-C.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Child;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::data::{CONTRACT, HEADER};
use crate::faults::signal;
use crate::shell::{Shell, lines_of};

/// Far longer than anything takes; only a failing test waits for it.
const LIMIT: Duration = Duration::from_secs(20);

/// A run that goes on.
struct Following {
    shell: Shell,
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(text: &str, options: &str) -> Following {
        Following::start_with(CONTRACT, text, options)
    }

    fn start_with(contract: &str, text: &str, options: &str) -> Following {
        let shell = Shell::new();
        shell.write("orders.odcs.yaml", contract);
        shell.write("orders.csv", text);
        let arguments = format!("check orders.csv --contract orders.odcs.yaml --follow {options}");
        let mut child = shell.start(&arguments);
        let lines = lines_of(&mut child);
        Following {
            shell,
            child,
            lines,
        }
    }

    fn append(&self, text: &str) {
        let path = self.shell.folder.path().join("orders.csv");
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .expect("the folder is writable");
    }

    fn rename(&self, from: &str, to: &str) {
        let folder = self.shell.folder.path();
        fs::rename(folder.join(from), folder.join(to)).expect("it is there");
    }

    /// The next line on standard output.
    fn line(&self) -> String {
        self.lines.recv_timeout(LIMIT).expect("a line")
    }

    /// Sends a signal; the lines that were left, standard error, and the exit code.
    fn end(mut self, name: &str) -> (Vec<String>, String, Option<i32>) {
        signal(&self.child, name);
        let lines = self.lines.iter().collect();
        let mut talk = String::new();
        let mut stderr = self.child.stderr.take().expect("it is piped");
        stderr.read_to_string(&mut talk).expect("talk is UTF-8");
        (lines, talk, self.child.wait().expect("it ends").code())
    }
}

#[test]
fn violations_are_printed_as_they_come_and_the_report_at_the_end() {
    let following = Following::start("id,amount,memo\nTX0001,1,a\nTX0002,0,b\n", "");
    assert_eq!(
        following.line(),
        "orders.csv:3  row 2  amount  0  must be at least 0.01"
    );
    following.append("TX3,5,\"c\nd\"\nTX0004,");
    assert_eq!(
        following.line(),
        "orders.csv:4  row 3  id  TX3  must match `^TX\\d{4}$`"
    );
    following.append("no,e\nTX0005\n");
    assert_eq!(
        following.line(),
        "orders.csv:6  row 4  amount  no  must be a number"
    );
    assert_eq!(
        following.line(),
        "orders.csv:7  row 5  (record)  TX0005  has 1 field, the header has 3"
    );
    let (lines, talk, code) = following.end("INT");
    assert_eq!((lines[0].as_str(), code), ("", Some(1)));
    assert_eq!(
        lines[1],
        "FAILED  orders.csv: 4 of 5 rows are bad (80.00 %)"
    );
    assert_eq!(talk, "");
}

#[test]
fn warnings_are_printed_and_leave_a_terminated_run_good() {
    let following = Following::start_with(
        &format!(
            "{CONTRACT}        quality:\n          - metric: nullValues\n            mustBe: 0\n            severity: warning\n"
        ),
        HEADER,
        "",
    );
    following.append("TX0001,1,\n");
    assert_eq!(
        following.line(),
        "orders.csv:2  row 1  warning  memo  \"\"  must not be null"
    );
    let (lines, _, code) = following.end("TERM");
    assert_eq!(code, Some(0));
    assert_eq!(lines[1], "PASSED  orders.csv: the only row is good");
}

#[test]
fn a_rotated_file_goes_on_in_json_lines() {
    let following = Following::start("id,amount,memo\nTX0001,0,a\n", "--json");
    let violation = |line: String| {
        let value: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
        let violation = &value["violation"];
        let number = |name: &str| violation[name].as_u64();
        (
            number("row"),
            number("line"),
            violation["rule"].as_str().map(str::to_owned),
        )
    };
    let minimum = || Some("minimum".to_owned());
    assert_eq!(violation(following.line()), (Some(1), Some(2), minimum()));
    following.rename("orders.csv", "orders.csv.1");
    following.append("id,amount,memo\nTX0002,1,b\nTX0003,0,c\n");
    assert_eq!(violation(following.line()), (Some(3), Some(3), minimum()));
    let (lines, _, code) = following.end("INT");
    let report: serde_json::Value = serde_json::from_str(&lines[0]).expect("a line of JSON");
    assert_eq!(report["report"]["rows"]["total"], 3);
    assert_eq!((lines.len(), code), (1, Some(1)));
}

#[test]
fn a_file_that_never_came_has_no_verdict() {
    let shell = Shell::new();
    shell.write("orders.odcs.yaml", CONTRACT);
    let mut child = shell.start("check orders.csv --contract orders.odcs.yaml --follow");
    let mut talk = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    talk.read_line(&mut line).expect("talk is UTF-8");
    assert_eq!(line, "waiting for `orders.csv`\n");
    signal(&child, "INT");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn what_cannot_be_followed_is_a_usage_error() {
    let shell = Shell::new();
    shell.write("orders.odcs.yaml", CONTRACT);
    shell.write("orders.csv", HEADER);
    for (arguments, message) in [
        ("orders.csv orders.csv", "`--follow` takes one input"),
        (
            "-",
            "`--follow` needs a file: standard input ends by itself",
        ),
        (".", "`--follow` needs a file, not a folder"),
        (
            "orders.csv --good good.csv",
            "`--good` and `--bad` are topics",
        ),
    ] {
        let ran = shell.tamis(&format!(
            "check {arguments} --contract orders.odcs.yaml --follow"
        ));
        assert_eq!(ran.code, Some(2), "{ran}");
        assert!(ran.stderr.contains(message), "{ran}");
    }
}
