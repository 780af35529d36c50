//! `tamis serve` as a process: how it begins, what it refuses, and how it ends, also by violence.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use kafka_protocol::messages::ProduceRequest;

use crate::faults::signal;
use crate::shell::{Shell, skip};

#[path = "../../../broker/tests/broker/wire.rs"]
#[expect(dead_code, reason = "the tests of the broker need more of it")]
pub(crate) mod wire;

use wire::{Client, FETCH, PRODUCE, batch, fetch_request, outcome, produce_request, values};

/// On ports that are free.
pub(crate) const SERVE: &str = "serve --data data --listen 127.0.0.1:0 --http none";

/// A broker that is ready, and what it says from then on.
pub(crate) struct Serving {
    pub(crate) child: Child,
    stderr: BufReader<ChildStderr>,
    pub(crate) address: SocketAddr,
    /// What it said before it was ready, and the line that says so.
    told: String,
}

impl Serving {
    pub(crate) fn start(shell: &Shell, arguments: &str) -> Serving {
        Serving::of(shell.start(arguments))
    }

    /// One whose process has just been started.
    fn of(mut child: Child) -> Serving {
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut told = String::new();
        let address = loop {
            let mut line = String::new();
            let read = stderr.read_line(&mut line).expect("it is UTF-8");
            assert!(read > 0, "it ended: {told}");
            told.push_str(&line);
            let ready = ["clients connect to ", "\"listen\":\""];
            if let Some((_, rest)) = ready.iter().find_map(|it| line.split_once(it)) {
                let address = rest.split([',', '"', '\n']).next();
                break address.and_then(|it| it.parse().ok()).expect("an address");
            }
        };
        Serving {
            child,
            stderr,
            address,
            told,
        }
    }

    /// Ends it in order.
    pub(crate) fn end(&mut self) {
        signal(&self.child, "TERM");
        let (code, told) = self.wait();
        assert_eq!(code, Some(0), "{told}");
    }

    /// Waits for its end; its exit code, and what it said last.
    pub(crate) fn wait(&mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("it ends");
        let mut told = String::new();
        let read = self.stderr.read_to_string(&mut told);
        read.expect("it is UTF-8");
        (status.code(), told)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Of a test that failed; otherwise it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_says_when_it_is_ready_and_ends_in_order() {
    let shell = Shell::new();
    for name in ["INT", "TERM"] {
        let mut serving = Serving::start(&shell, SERVE);
        let ready = "ready in ";
        assert!(serving.told.starts_with(ready), "{}", serving.told);
        assert_eq!(serving.told.lines().count(), 1, "{}", serving.told);
        let mut client = Client::connect(serving.address);
        client.want_topic("orders");
        client.produce("orders", &["a"]);
        signal(&serving.child, name);
        let start = Instant::now();
        // A client that stays does not keep it.
        let (code, told) = serving.wait();
        assert!(start.elapsed() < Duration::from_secs(10));
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("ended in order"), "{told}");
        drop(client);
    }
    let serving = Serving::start(&shell, SERVE);
    let mut client = Client::connect(serving.address);
    assert_eq!(client.values_from("orders", 0).len(), 2);
}

#[test]
fn it_says_where_its_page_is() {
    let shell = Shell::new();
    let serve = SERVE.replace("--http none", "--http 127.0.0.1:0");
    let mut serving = Serving::start(&shell, &serve);
    let (_, page) = serving
        .told
        .split_once(", page and metrics at http://")
        .expect("it says so");
    let (address, _) = page.split_once("/, data is in").expect("where it ends");
    let mut socket = TcpStream::connect(address).expect("it listens");
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).expect("it is read");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("<title>Tamis</title>"), "{answer}");
    serving.end();
}

#[cfg(target_os = "linux")]
#[test]
fn who_waits_for_a_signal_wakes_for_nothing_else() {
    let shell = Shell::new();
    let serving = Serving::start(&shell, SERVE);
    let process = serving.child.id();
    let slept = || -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{process}/task/{process}/status"));
        let status = status.expect("it runs");
        let counts = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        counts
            .and_then(|it| it.trim().parse().ok())
            .expect("a count")
    };
    std::thread::sleep(Duration::from_millis(500));
    let before = slept();
    std::thread::sleep(Duration::from_secs(1));
    assert!(
        slept() - before < 5,
        "{} times in a second",
        slept() - before
    );
}

#[test]
fn a_file_can_say_all_that_flags_say() {
    let shell = Shell::new();
    let text = "[serve]\nlisten = \"127.0.0.1:0\"\nhttp = \"none\"\ndata = \"of-file\"\nlog_format = \"json\"\n";
    shell.write("tamis.toml", text);
    let serving = Serving::start(&shell, "serve --log-format text");
    assert!(
        serving.told.ends_with("data is in `of-file`\n"),
        "{}",
        serving.told
    );
    drop(serving);
    shell.write("tamis.toml", "[serve]\nlisten = 9092\n");
    let refused = shell.tamis("serve");
    assert_eq!(refused.code, Some(2));
    assert!(
        refused
            .stderr
            .contains("`listen` must be a text or an array"),
        "{}",
        refused.stderr
    );
}

#[test]
fn events_can_be_objects() {
    let shell = Shell::new();
    let arguments = format!("{SERVE} --log-format json --log debug");
    let mut serving = Serving::start(&shell, &arguments);
    signal(&serving.child, "TERM");
    let (code, told) = serving.wait();
    assert_eq!(code, Some(0), "{told}");
    let mut messages = Vec::new();
    for line in serving.told.lines().chain(told.lines()) {
        let event: serde_json::Value = serde_json::from_str(line).expect("an object");
        messages.push(event["message"].as_str().expect("a message").to_owned());
    }
    assert_eq!(messages, ["ready", "ending", "ended in order"]);
}

#[test]
fn what_cannot_be_is_refused_with_the_way_out() {
    let shell = Shell::new();
    let serving = Serving::start(&shell, SERVE);
    let taken = serving.address;
    shell.write("file", "");
    let with_certificate = "serve --data other --http none --listen 127.0.0.1:0 --tls-key file";
    let (no_certificate, no_file) = match cfg!(feature = "tls") {
        true => ("`file` has no certificate", "name files of PEM"),
        false => ("without the Cargo feature `tls`", "the Cargo feature `tls`"),
    };
    let refused = [
        (
            format!("{with_certificate} --tls-cert file"),
            2,
            no_certificate,
        ),
        (format!("{with_certificate} --tls-cert missing"), 2, no_file),
        (with_certificate.to_owned(), 2, "belong together"),
        (
            "serve --data other --http none --listen tls://127.0.0.1:0".to_owned(),
            2,
            "`--tls-cert FILE` and `--tls-key FILE` name",
        ),
        (
            "serve --data other --http none --listen smtp://127.0.0.1:0".to_owned(),
            2,
            "`smtp://` is none of `tls://`",
        ),
        (
            "serve --data other --http none --listen 0.0.0.0:0".to_owned(),
            2,
            "`--auth` lets in users alone",
        ),
        (
            "serve --data other --listen 127.0.0.1:0 --http [::]:0".to_owned(),
            2,
            "`--auth` lets in users alone",
        ),
        (
            "serve --data other --http none --listen nonsense".to_owned(),
            2,
            "an address is HOST:PORT",
        ),
        (
            format!("serve --data other --http none --listen {taken}"),
            3,
            "another process listens there",
        ),
        (SERVE.to_owned(), 11, "`--data DIR` names another folder"),
        (
            "serve --data file --http none --listen 127.0.0.1:0".to_owned(),
            3,
            "cannot create `file`",
        ),
        ("serve --advertise nowhere".to_owned(), 2, "HOST:PORT"),
        (
            "serve --listen :1 --advertise a:1 --advertise b:2".to_owned(),
            2,
            "once for each `--listen`",
        ),
        ("serve --partitions 0".to_owned(), 2, "--partitions"),
        ("serve --max-request 10".to_owned(), 2, "`--max-request`"),
    ];
    for (arguments, code, expected) in refused {
        let ran = shell.tamis(&arguments);
        assert_eq!(ran.code, Some(code), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    }
    assert_eq!(shell.files(), ["data", "file"], "nothing else was made");
}

#[test]
fn a_ring_makes_durable_what_threads_do_or_is_refused() {
    let shell = Shell::new();
    let arguments = format!("{SERVE} --flush io_uring");
    if cfg!(not(feature = "io-uring")) {
        let ran = shell.tamis(&arguments);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let expected = ["without the Cargo feature `io-uring`", "`--flush threads`"];
        assert!(
            expected.iter().all(|it| ran.stderr.contains(it)),
            "{}",
            ran.stderr
        );
        assert!(shell.files().is_empty(), "nothing was made");
        return;
    }
    let mut serving = Serving::start(&shell, &arguments);
    let mut client = Client::connect(serving.address);
    client.want_topic("orders");
    client.produce("orders", &["a"]);
    assert_eq!(client.values_from("orders", 0).len(), 1);
    signal(&serving.child, "TERM");
    let (code, told) = serving.wait();
    assert_eq!(code, Some(0), "{told}");
}

/// A broker whose data is on a disk of four megabytes, which is mounted for it alone; `None` without the right to mount.
fn start_on_small_disk(shell: &Shell) -> Option<Serving> {
    let mount = "mkdir disk && mount -t tmpfs -o size=4m none disk";
    let within = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]);
        command.current_dir(shell.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let tried = within("mount -t tmpfs none /mnt")
        .stderr(Stdio::null())
        .status();
    if !tried.is_ok_and(|it| it.success()) {
        skip("no right to mount");
        return None;
    }
    let serve = SERVE.replace("--data data", "--data disk/data");
    let binary = env!("CARGO_BIN_EXE_tamis");
    let mut command = within(&format!("{mount} && exec \"{binary}\" {serve}"));
    let child = command.env("NO_COLOR", "1").stderr(Stdio::piped()).spawn();
    Some(Serving::of(child.expect("a shell")))
}

#[test]
fn a_full_disk_is_told_and_everything_goes_on_when_there_is_room() {
    let shell = Shell::new();
    let Some(serving) = start_on_small_disk(&shell) else {
        return;
    };
    let mut client = Client::connect(serving.address);
    client.want_topic("orders");
    let value = "x".repeat(10_000);
    let produce = |client: &mut Client| {
        let request = produce_request("orders", batch(&[&value]), -1);
        let response = client.ask(PRODUCE, &request);
        let partition = &response.responses[0].partition_responses[0];
        let message = partition.error_message.as_ref().map(ToString::to_string);
        (partition.error_code, message.unwrap_or_default())
    };
    assert_eq!(produce(&mut client).0, 0);
    // As the broker sees it.
    let root = format!("/proc/{}/root", serving.child.id());
    let folder = shell
        .folder
        .path()
        .strip_prefix("/")
        .expect("it is absolute");
    let filler = Path::new(&root).join(folder).join("disk/filler");
    let mut file = File::create(&filler).expect("a file");
    while std::io::Write::write(&mut file, &[0; 4096]).is_ok_and(|it| it > 0) {}
    // What was set aside is used first.
    let mut written = 1;
    let refused = loop {
        let (code, message) = produce(&mut client);
        if code != 0 {
            break (code, message);
        }
        written += 1;
        assert!(written < 100, "the disk is full");
    };
    assert_eq!(refused.0, 56, "KAFKA_STORAGE_ERROR");
    assert!(refused.1.contains("No space left"), "{}", refused.1);
    assert_eq!(produce(&mut client).0, 56);
    assert_eq!(read_all(serving.address, "orders").len(), written);
    std::fs::remove_file(&filler).expect("it goes");
    drop(file);
    for _ in 0..20 {
        assert_eq!(produce(&mut client), (0, String::new()));
    }
    assert_eq!(read_all(serving.address, "orders").len(), written + 20);
}

/// Produces without pause until the broker is gone: what was acknowledged, by offset.
fn produce_until_killed(address: SocketAddr, topic: &str, name: &str) -> BTreeMap<i64, String> {
    let mut acknowledged = BTreeMap::new();
    let mut client = Client::connect(address);
    for number in 0.. {
        let texts: Vec<String> = (0..5).map(|at| format!("{name} {number} {at}")).collect();
        let records: Vec<&str> = texts.iter().map(String::as_str).collect();
        let request = produce_request(topic, batch(&records), -1);
        let frame = wire::frame(PRODUCE, number, &request);
        if std::io::Write::write_all(&mut client.socket, &frame).is_err() {
            break;
        }
        let Some(response) = client.receive_if_any::<ProduceRequest>(PRODUCE) else {
            break;
        };
        let (error, offset) = outcome(&response);
        assert_eq!(error, 0);
        acknowledged.extend((offset..).zip(texts));
    }
    acknowledged
}

/// All records of a topic, whose offsets have no gap.
fn read_all(address: SocketAddr, topic: &str) -> Vec<String> {
    let mut client = Client::connect(address);
    let mut read = Vec::new();
    loop {
        let offset = i64::try_from(read.len()).expect("few");
        let found = values(&client.ask(FETCH, &fetch_request(topic, offset)));
        if found.is_empty() {
            return read;
        }
        for (offset, value) in found {
            assert_eq!(usize::try_from(offset), Ok(read.len()), "no gap");
            read.push(value);
        }
    }
}

#[test]
fn what_was_acknowledged_survives_being_killed() {
    const TOPICS: [&str; 2] = ["orders", "payments"];
    let shell = Shell::new();
    let mut acknowledged: BTreeMap<&str, BTreeMap<i64, String>> = BTreeMap::new();
    for round in 0..4 {
        let mut serving = Serving::start(&shell, SERVE);
        let address = serving.address;
        for topic in TOPICS {
            Client::connect(address).want_topic(topic);
            let read = read_all(address, topic);
            for (offset, value) in acknowledged.entry(topic).or_default() {
                let at = usize::try_from(*offset).expect("no offset is negative");
                assert_eq!(read.get(at), Some(&*value), "{topic}, offset {offset}");
            }
        }
        let producing = [0, 1, 2, 3].map(|producer| {
            let topic = TOPICS[producer % 2];
            let name = format!("{round} {producer}");
            std::thread::spawn(move || (topic, produce_until_killed(address, topic, &name)))
        });
        std::thread::sleep(Duration::from_millis(150 + 100 * round));
        serving.child.kill().expect("it runs");
        for producer in producing {
            let (topic, more) = producer.join().expect("it ends with the broker");
            assert!(!more.is_empty(), "nothing was acknowledged");
            acknowledged.entry(topic).or_default().extend(more);
        }
    }
    let serving = Serving::start(&shell, SERVE);
    for (topic, expected) in acknowledged {
        let read = read_all(serving.address, topic);
        for (offset, value) in expected {
            let at = usize::try_from(offset).expect("no offset is negative");
            assert_eq!(read[at], value, "{topic}, offset {offset}");
        }
        // What nobody was told of may be there too, but none of it twice.
        let mut sorted = read.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), read.len(), "{topic}");
    }
}
