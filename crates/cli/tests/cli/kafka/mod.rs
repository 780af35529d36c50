//! `tamis topic`, `produce`, `consume` and `consumer-group` against `tamis serve`: what comes back is what was sent, and whatever cannot be
//! is told.

mod contracts;
mod follow;
mod groups;
mod records;
mod shares;
mod sinks;
mod sources;
mod topics;

use std::io::Write;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::serve::{SERVE, Serving};
use crate::shell::Shell;

/// A broker, and a folder in which commands for it run.
struct Cluster {
    shell: Shell,
    serving: Serving,
}

/// What a command left; records are bytes.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

impl Cluster {
    fn start() -> Cluster {
        let shell = Shell::new();
        let serving = Serving::start(&shell, SERVE);
        Cluster { shell, serving }
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.shell.command();
        command
            .args(arguments)
            .env("TAMIS_BOOTSTRAP", self.serving.address.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("tamis starts")
    }

    /// Runs `tamis` with these arguments, split at spaces.
    fn run(&self, arguments: &str) -> Ran {
        self.fed(arguments, b"")
    }

    /// The same with these bytes on its standard input.
    fn fed(&self, arguments: &str, input: &[u8]) -> Ran {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        self.fed_args(&arguments, input)
    }

    fn fed_args(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut child = self.spawn(arguments);
        let mut stdin = child.stdin.take().expect("standard input is piped");
        std::thread::scope(|scope| {
            // It may end before it has read everything.
            scope.spawn(move || drop(stdin.write_all(input)));
            let output = child.wait_with_output().expect("tamis ends");
            Ran {
                code: output.status.code(),
                stdout: output.stdout,
                stderr: String::from_utf8(output.stderr).expect("it is UTF-8"),
            }
        })
    }

    /// The text that a good run prints.
    fn text(&self, arguments: &str) -> String {
        self.run(arguments).good()
    }

    /// The document that a good run prints.
    fn json(&self, arguments: &str) -> Value {
        let text = self.text(&format!("{arguments} --json"));
        let document: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(document["schema_version"], 1, "{arguments}");
        document
    }

    /// Tries until it is so, for as long as a busy machine may take.
    fn wait_until(&self, what: &str, is_so: impl Fn(&Cluster) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// How a process ended; one that does not end, for as long as a busy machine may take, is killed.
fn ended(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it is ours") {
            return status;
        }
        if start.elapsed() > Duration::from_secs(120) {
            child.kill().expect("it is ours");
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Ran {
    /// The output of what went well.
    fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        String::from_utf8(self.stdout).expect("it is UTF-8")
    }

    /// Checks that it ended with `code` and said so.
    fn refused(self, code: i32, expected: &str) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert!(self.stderr.contains(expected), "{}", self.stderr);
    }
}

#[test]
fn without_a_broker_every_verb_says_so_soon() {
    let shell = Shell::new();
    // A port that was free a moment ago, and on which nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let free = free.expect("a port");
    let verbs = [
        "topic list",
        "topic create a",
        "topic describe a",
        "topic alter a --partitions 2",
        "topic delete a",
        "produce a",
        "consume a",
        "consume a --group g",
        "consumer-group list",
        "consumer-group describe g",
        "consumer-group reset g --topic a --to earliest",
        "consumer-group delete g",
    ];
    for verb in verbs {
        let start = Instant::now();
        let ran = shell.tamis(&format!("{verb} --bootstrap {free} --timeout 1"));
        assert_eq!(ran.code, Some(3), "{verb}: {}", ran.stderr);
        let expected = format!("error: no broker at `{free}` answered within 1 s: ");
        assert!(ran.stderr.starts_with(&expected), "{verb}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("Connection refused"),
            "{verb}: {}",
            ran.stderr
        );
        assert_eq!(ran.stderr.lines().count(), 2, "{verb}: {}", ran.stderr);
        assert!(start.elapsed() < Duration::from_secs(20), "{verb}");
    }
}

#[test]
fn who_debugs_the_client_sees_what_it_says() {
    let cluster = Cluster::start();
    cluster.fed("produce orders", b"a\n").good();
    let ran = cluster.run("consume orders -X debug=metadata");
    assert_eq!(ran.stdout, b"a\n");
    assert!(ran.stderr.contains("METADATA: "), "{}", ran.stderr);
}

#[test]
fn options_that_cannot_be_are_refused_before_anything_is_asked() {
    let shell = Shell::new();
    let refused = [
        (
            "topic list --bootstrap nowhere",
            "`--bootstrap` is HOST:PORT",
        ),
        ("topic list --bootstrap localhost", "`localhost:9092`"),
        (
            "topic list -X nonsense=1",
            "the property `nonsense` of the client: no such configuration property",
        ),
        ("topic list -X nonsense", "expected NAME=VALUE"),
        ("topic alter a", "what is to be changed?"),
        ("topic alter a --set b=1 --unset b", "both set and unset"),
        ("consume a --from nowhere", "`nowhere` is no place"),
        ("consume a --from end", "`--follow` waits"),
        ("consume a --format %q", "`%q` means nothing"),
        (
            "consume a --group g --from 5",
            "`tamis consumer-group reset`",
        ),
        ("consume a --follow --to 5", "cannot be used with"),
        ("consume a --count 0", "`--count` is at least 1"),
        ("produce a - -", "standard input can be read once only"),
        (
            "produce a --acks 1 --idempotent",
            "`--idempotent` needs `--acks all`",
        ),
        ("produce a --key k --key-separator :", "cannot be used with"),
        (
            "produce a --input-format json --key-separator :",
            "the line says itself",
        ),
        (r"produce a --key-separator \q", "at a backslash"),
        (
            "consumer-group reset g --topic a --to nowhere",
            "`nowhere` is no place",
        ),
    ];
    for (arguments, expected) in refused {
        let ran = shell.tamis(arguments);
        assert_eq!(ran.code, Some(2), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    }
    let mut command = shell.command();
    command
        .args(["topic", "list"])
        .env("TAMIS_BOOTSTRAP", "nowhere");
    let ran = command.output().expect("tamis starts");
    assert_eq!(ran.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(
        stderr.contains("`TAMIS_BOOTSTRAP` is HOST:PORT"),
        "{stderr}"
    );
}
