//! `tamis logs` from outside: the page, the JSON, ranges of time, rotated files, following, and how it fails.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::faults::signal;
use crate::shell::{Ran, Shell, lines_of};

/// Far longer than anything takes; only a failing test waits for it.
const LIMIT: Duration = Duration::from_secs(30);

const ACCESS: &str = r#"10.0.0.1 - - [20/Nov/2026:14:30:00 +0100] "GET /a HTTP/1.1" 200 1000 "-" "curl" 0.100
10.0.0.2 - - [20/Nov/2026:14:30:10 +0100] "GET /a?x=1 HTTP/1.1" 200 1000 "-" "curl" 0.200
10.0.0.1 - - [20/Nov/2026:14:30:20 +0100] "GET /b HTTP/1.1" 404 10 "-" "curl" 0.012
what is this?
10.0.0.1 - - [20/Nov/2026:14:30:59 +0100] "POST /b HTTP/1.1" 502 0 "-" "curl" 1.500
"#;

fn json(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(0), "{ran}");
    serde_json::from_str(&ran.stdout).expect("JSON")
}

#[test]
fn the_page() {
    let shell = Shell::new();
    shell.write("access.log", ACCESS);
    let ran = shell.tamis("logs access.log --threads 1");
    let expected = "\
access.log: 4 events, combined with a request time
2026-11-20T14:30:00+01:00 to 2026-11-20T14:30:59+01:00

  errors      1 (25.0 %)
  clients     2
  responses   2.01 kB
  latency     median 99.9 ms, 90 % 1.50 s, 95 % 1.50 s, 99 % 1.50 s, max 1.50 s, mean 453 ms
  log         344 B
  not parsed  1 line

  5 seconds  events                                  errors
  14:30:00        1  ██████████████████████████████     0 %
  14:30:05        0
  14:30:10        1  ██████████████████████████████     0 %
  14:30:15        0
  14:30:20        1  ██████████████████████████████     0 %
  14:30:25        0
  14:30:30        0
  14:30:35        0
  14:30:40        0
  14:30:45        0
  14:30:50        0
  14:30:55        1  ██████████████████████████████   100 %

  status  events   share
  200          2  50.0 %  ██████████████████████████████
  404          1  25.0 %  ███████████████
  502          1  25.0 %  ███████████████

  path  events   share  errors  responses
  /a         2  50.0 %       0    2.00 kB
  /b         2  50.0 %       1       10 B

  client    events   share  errors  responses
  10.0.0.1       3  75.0 %       1    1.01 kB
  10.0.0.2       1  25.0 %       0    1.00 kB

  not parsed
  access.log:4  what is this?
";
    assert_eq!(ran.stdout, expected);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stderr.starts_with("5 lines; 358 B in "),
        "{}",
        ran.stderr
    );
}

#[test]
fn groups_have_their_own_figures() {
    let shell = Shell::new();
    shell.write("access.log", ACCESS);
    let ran = shell.tamis("logs access.log --by path --top 1");
    let groups: Vec<&str> = ran
        .stdout
        .lines()
        .skip_while(|line| !line.contains("median  "))
        .take(2)
        .collect();
    assert_eq!(
        groups,
        [
            "  path (1 of 2)  events   share  errors  responses   median    95 %    99 %",
            "  /a                  2  50.0 %       0    2.00 kB  99.6 ms  199 ms  199 ms",
        ],
        "{ran}"
    );
    let report = json(&shell.tamis("logs access.log --by method --json"));
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["by"]["groups"][1]["value"], "POST");
    assert_eq!(report["by"]["groups"][1]["errors"], 1);
    assert_eq!(report["status"][0]["share"], 0.5);
    assert_eq!(report["unparsed"][0]["line"], 4);
    assert_eq!(
        report["timeline"]["buckets"][0]["start"],
        "2026-11-20T14:30:00+01:00"
    );
}

#[test]
fn a_pattern_describes_what_nobody_knows() {
    let shell = Shell::new();
    shell.write("app.log", "[main] 2026-11-20 14:30:00 | WARN | slow | 12ms\n[io] 2026-11-20 14:30:01 | INFO | ok | 3ms\n");
    let pattern = "[{thread}] {time} | {level} | {} | {latency}";
    let ran = shell.run(&[
        "logs",
        "app.log",
        "--pattern",
        pattern,
        "--by",
        "thread",
        "--json",
        "--timezone",
        "utc",
    ]);
    let report = json(&ran);
    assert_eq!(report["by"]["groups"][0]["value"], "io");
    assert_eq!(report["levels"][0]["value"], "warn");
    assert_eq!(report["latency"]["max"], 0.012);
    assert_eq!(report["first"], "2026-11-20T14:30:00Z");
    let wrong = shell.run(&["logs", "app.log", "--pattern", "{a}{b}"]);
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong
            .stderr
            .contains("nothing between the fields at byte 3"),
        "{wrong}"
    );
}

/// Lines 10 seconds apart, from 14:00:00 on.
fn hours(from: u32, lines: u32) -> String {
    let line = |number: u32| {
        let second = 14 * 3600 + 10 * number;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!(
            "10.0.0.{} - - [20/Nov/2026:{hour:02}:{minute:02}:{second:02} +0000] \"GET /{number} HTTP/1.1\" 200 1\n",
            number % 200
        )
    };
    (from..from + lines).map(line).collect()
}

#[test]
fn rotated_files_are_one_log() {
    let shell = Shell::new();
    let packed = |text: String| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    };
    shell.write("access.log.2.gz", packed(hours(0, 100)));
    shell.write("access.log.1", hours(100, 100));
    shell.write("access.log", hours(200, 100));
    let report = json(&shell.tamis("logs access.log access.log.1 access.log.2.gz --json"));
    assert_eq!(report["events"], 300);
    assert_eq!(report["first"], "2026-11-20T14:00:00Z");
    assert_eq!(report["last"], "2026-11-20T14:49:50Z");
    shell.write("core", b"\x7fELF\0\0\0\0 no log");
    shell.write(".hidden", "10.0.0.1 - - x\n");
    let ran = shell.tamis("logs . --json --since 2026-11-20T14:10:00Z --until 14:20");
    let report = json(&ran);
    assert_eq!(report["events"], 60);
    assert!(
        ran.stderr
            .contains("`./core` was found in a folder and left out: it is no log"),
        "{ran}"
    );
    let streamed = shell.tamis_fed(
        "logs - --json --since 2026-11-20T14:10:00Z --until 14:20",
        hours(0, 300).as_bytes(),
    );
    assert_eq!(json(&streamed)["timeline"], report["timeline"]);
    let nothing = shell.tamis("logs access.log --since 2026-11-21");
    assert!(nothing.stdout.contains("nothing happened in that time: records are of 2026-11-20T14:33:20Z to 2026-11-20T14:49:50Z"), "{nothing}");
}

#[test]
fn any_number_of_threads_prints_the_same() {
    let shell = Shell::new();
    assert_eq!(
        shell
            .tamis("gen access-log --rows 20k --paths 1M -o access.log --quiet")
            .code,
        Some(0)
    );
    let print = |options: &str| {
        let ran = shell.tamis(&format!("logs access.log --by path --json {options}"));
        assert_eq!(ran.code, Some(0), "{ran}");
        ran.stdout
    };
    let alone = print("--threads 1");
    for options in [
        "--threads 2",
        "--threads 3 --chunk-size 4KiB",
        "--threads 7 --chunk-size 64KiB --io read",
        "--simd scalar --io mmap",
    ] {
        assert_eq!(print(options), alone, "{options}");
    }
    // With so little memory values are estimated: and still the same.
    let estimated = print("--threads 1 --memory 1MB");
    assert!(estimated.contains("\"approximate\": true"));
    assert_eq!(
        print("--threads 3 --memory 1MB --chunk-size 16KiB"),
        estimated
    );
    let page = shell.tamis("logs access.log --by path --memory 1MB").stdout;
    assert!(page.contains("~ estimated: off by at most "), "{page}");
}

#[test]
fn what_cannot_be_read_is_said() {
    let shell = Shell::new();
    shell.write("notes.txt", "some words\nand more of them\n");
    shell.write("access.log", ACCESS);
    fs::create_dir(shell.folder.path().join("empty")).expect("the folder is writable");
    for (arguments, code, said) in [
        (
            "notes.txt",
            2,
            "`notes.txt`: no log format fits: none reads one of its first 2 lines",
        ),
        ("notes.txt", 2, "hint: `--log-format` names the format"),
        ("access.log --by stauts", 2, "did you mean `status`?"),
        ("access.log --since soon", 2, "`soon` is no time"),
        (
            "access.log --log-format apache",
            2,
            "expected one of combined, common, syslog",
        ),
        (
            "access.log --timezone Mars/Olympus",
            2,
            "no time zone `Mars/Olympus`",
        ),
        (
            "access.log --log-format json --pattern {x}",
            2,
            "cannot be used with",
        ),
        ("access.log --interval 2", 2, "--follow"),
        ("missing.log", 3, "cannot open `missing.log`"),
        ("empty", 2, "no files in `empty`"),
        ("- -", 2, "standard input can be read once only"),
        (
            "access.log --follow --interval 0",
            2,
            "`--interval` is 0.05 to 86400 seconds",
        ),
        (
            "access.log access.log --follow",
            2,
            "`--follow` takes one input",
        ),
        (
            "- --follow",
            2,
            "`--follow` needs a file: standard input ends by itself",
        ),
        ("empty --follow", 2, "`--follow` needs a file, not a folder"),
    ] {
        let ran = shell.tamis(&format!("logs {arguments}"));
        assert_eq!(ran.code, Some(code), "{arguments}: {ran}");
        assert!(ran.stderr.contains(said), "{arguments}: {ran}");
    }
    // A format that was named is taken at its word.
    let ran = shell.tamis("logs notes.txt --log-format logfmt --json");
    assert_eq!(json(&ran)["lines"]["unparsed"], 2);
}

/// A run that goes on.
struct Following {
    shell: Shell,
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(text: &str) -> Following {
        let shell = Shell::new();
        shell.write("access.log", text);
        let mut child = shell.start("logs access.log --follow --interval 0.1");
        let lines = lines_of(&mut child);
        Following {
            shell,
            child,
            lines,
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.shell.folder.path().join("access.log")
    }

    fn append(&self, text: &str) {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path());
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .expect("the folder is writable");
    }

    /// Waits for a report that has counted so many events.
    fn report_of(&self, events: u64) -> Value {
        let start = Instant::now();
        loop {
            let line = self.lines.recv_timeout(LIMIT).expect("a report");
            let report: Value = serde_json::from_str(&line).expect("a line of JSON");
            if report["events"] == events {
                return report;
            }
            assert!(start.elapsed() < LIMIT, "{report}");
        }
    }

    /// Sends a signal; the last report, standard error, and the exit code.
    fn end(mut self, name: &str) -> (Value, String, Option<i32>) {
        signal(&self.child, name);
        let last = self.lines.iter().last().expect("a report");
        let mut talk = String::new();
        let mut stderr = self.child.stderr.take().expect("it is piped");
        stderr.read_to_string(&mut talk).expect("talk is UTF-8");
        let report = serde_json::from_str(&last).expect("a line of JSON");
        (report, talk, self.child.wait().expect("it ends").code())
    }
}

#[test]
fn a_log_is_followed_through_rotations() {
    let following = Following::start(&hours(0, 3));
    assert_eq!(following.report_of(3)["schema_version"], 1);
    // Half a line is not counted before it is whole.
    let next = hours(3, 1);
    let (half, rest) = next.split_at(40);
    following.append(half);
    following.append(&format!("{rest}{}", hours(4, 1)));
    following.report_of(5);
    // By renaming.
    fs::rename(following.path(), following.path().with_extension("log.1")).expect("it is there");
    following.append(&hours(5, 2));
    following.report_of(7);
    // By copying and cutting short.
    fs::write(following.path(), "").expect("the folder is writable");
    following.append(&hours(7, 1));
    let report = following.report_of(8);
    assert_eq!(report["last"], "2026-11-20T14:01:10Z");
    assert_eq!(report["inputs"].as_array().map(Vec::len), Some(3));
    let (last, talk, code) = following.end("INT");
    assert_eq!((talk.as_str(), code), ("", Some(0)));
    assert_eq!(last["events"], 8);
}

#[test]
fn a_log_that_never_came_has_no_report() {
    let shell = Shell::new();
    let mut child = shell.start("logs access.log --follow");
    let mut talk = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    talk.read_line(&mut line).expect("talk is UTF-8");
    assert_eq!(line, "waiting for `access.log`\n");
    signal(&child, "INT");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn blank_lines_are_no_format_to_follow() {
    let following = Following::start("\n\n");
    following.append(&hours(0, 2));
    following.report_of(2);
    let (_, _, code) = following.end("TERM");
    assert_eq!(code, Some(0));
}

#[test]
fn what_a_search_leaves_out_is_said() {
    let shell = Shell::new();
    // Ten hours in 600 kB, and a stretch of the first one where nobody looks.
    let long = |text: String| text.replace("1\n", &format!("1 \"-\" \"{}\"\n", "x".repeat(90)));
    let sorted = long(hours(0, 3600));
    let place = sorted[..sorted.len() / 32 * 27].rfind('\n').expect("lines") + 1;
    let stretch = long(hours(100, 20));
    shell.write(
        "access.log",
        format!("{}{stretch}{}", &sorted[..place], &sorted[place..]),
    );
    let range = "--since 2026-11-20T14:10:00Z --until 2026-11-20T14:40:00Z";
    let ran = shell.tamis(&format!("logs access.log --json {range}"));
    let report = json(&ran);
    let input = &report["inputs"][0];
    assert_eq!(
        (&report["events"], &input["out_of_order_seconds"]),
        (&180.into(), &Value::Null)
    );
    assert!(input["bytes_skipped"].as_u64() > Some(100_000), "{ran}");
    assert!(input["skipped_share"].as_f64() > Some(0.5), "{ran}");
    let page = shell.tamis(&format!("logs access.log {range}")).stdout;
    for said in [
        " %) left out, taken to be sorted by time",
        "`--no-seek` reads everything",
    ] {
        assert!(ran.stderr.contains(said), "{ran}");
        assert!(page.contains(said), "{page}");
    }
    let report = json(&shell.tamis(&format!("logs access.log --no-seek --json {range}")));
    let input = &report["inputs"][0];
    assert_eq!(
        (&report["events"], &input["bytes_skipped"]),
        (&200.into(), &0.into())
    );
    assert!(
        input["out_of_order_seconds"].as_f64() > Some(20_000.0),
        "{report}"
    );
}

#[test]
fn a_range_of_time_of_the_generated_log() {
    let shell = Shell::new();
    let made = shell.tamis("gen access-log --rows 20k -o access.log");
    assert_eq!(made.code, Some(0), "{made}");
    let range = |since: &str, until: &str| {
        let options = ["--since", since, "--until", until, "--by", "path"];
        let ran = shell.run(&[["logs", "access.log"].as_slice(), &options].concat());
        assert_eq!(ran.code, Some(0), "{ran}");
        ran.stdout
    };
    // The example of the manual: the incident.
    let page = range("2026-11-20 14:20", "2026-11-20 14:40");
    assert!(
        page.contains("2026-11-20T14:20:0") && page.contains("  502 "),
        "{page}"
    );
    // Where nothing happened there is no table.
    let page = range("2026-11-22", "2026-11-23");
    assert!(page.contains("nothing happened in that time"), "{page}");
    assert!(!page.contains("share"), "{page}");
    assert!(page.contains("(100 %) left out"), "{page}");
}

#[test]
fn a_folder_without_logs_is_an_error() {
    let shell = Shell::new();
    let folder = shell.folder.path().join("notes");
    fs::create_dir(&folder).expect("the folder is writable");
    for name in ["a.txt", "b.txt"] {
        fs::write(folder.join(name), "some words\nand more of them\n").expect("it is writable");
    }
    let ran = shell.tamis("logs notes");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran}");
    let said = "error: no file in `notes` is a log: of 2 files none is in a format that is known\nhint: `--log-format` ";
    assert!(ran.stderr.starts_with(said), "{ran}");
    fs::write(folder.join("access.log"), ACCESS).expect("it is writable");
    assert_eq!(json(&shell.tamis("logs notes --json"))["events"], 4);
}

#[test]
fn names_need_not_be_text() {
    let shell = Shell::new();
    let name = OsStr::from_bytes(b"odd\xff\x1b[31m.txt");
    // Some file systems take text only.
    if fs::write(shell.folder.path().join(name), "no log\nat all\n").is_err() {
        return;
    }
    shell.write("access.log", ACCESS);
    let ran = shell.tamis("logs . --json");
    assert_eq!(json(&ran)["events"], 4);
    let said = "`./odd\\xff\\u{1b}[31m.txt` was found in a folder and left out";
    assert!(ran.stderr.contains(said), "{ran}");
    let page = shell.tamis("logs .").stdout;
    assert!(!page.contains('\x1b'), "{page}");
    let named = shell.command().arg("logs").arg(name).output();
    let ran = Ran::from(named.expect("tamis starts"));
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(
        ran.stderr
            .contains("`odd\\xff\\u{1b}[31m.txt`: no log format fits"),
        "{ran}"
    );
}

#[test]
fn pipes_and_files_of_the_kernel_are_read_when_named() {
    let shell = Shell::new();
    let fifo = shell.folder.path().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo starts").success());
    let writer = thread::spawn(move || fs::write(fifo, ACCESS).expect("it is read"));
    let report = json(&shell.tamis("logs fifo --json --since 2026-11-20T13:30:05Z"));
    writer.join().expect("it was read");
    assert_eq!(
        (&report["events"], &report["inputs"][0]["probes"]),
        (&3.into(), &0.into())
    );
    // A pipe in a folder is left alone.
    let ran = shell.tamis("logs .");
    assert!(ran.stderr.contains("no files in `.`"), "{ran}");
    // Its length is said to be 0.
    let pattern = ["--pattern", "{name}: {value}", "--by", "name", "--json"];
    let ran = shell.run(&[["logs", "/proc/self/status"].as_slice(), &pattern].concat());
    assert!(json(&ran)["events"].as_u64() > Some(20), "{ran}");
}

/// Waits until a process holds this file open.
fn opened(child: &Child, path: &Path) {
    let start = Instant::now();
    let fds = format!("/proc/{}/fd", child.id());
    let is_open = || {
        let fds = fs::read_dir(&fds).into_iter().flatten().flatten();
        fds.map(|fd| fs::read_link(fd.path()))
            .any(|it| it.is_ok_and(|it| it == path))
    };
    while !is_open() {
        assert!(start.elapsed() < LIMIT, "it opens the file");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_log_that_shrinks_under_the_reading_is_told_of() {
    for io in ["mmap", "read"] {
        let shell = Shell::new();
        let path = shell
            .folder
            .path()
            .canonicalize()
            .expect("it is there")
            .join("access.log");
        // Takes far longer than to notice that it is open.
        shell.write("access.log", hours(0, 3600).repeat(150));
        let child = shell.start(&format!("logs access.log --threads 1 --io {io}"));
        opened(&child, &path);
        let file = OpenOptions::new().write(true).open(&path);
        file.and_then(|file| file.set_len(1 << 20))
            .expect("it can be cut");
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(3), ""),
            "{io}: {ran}"
        );
        let said = "error: `access.log` changed while it was read";
        assert!(ran.stderr.contains(said), "{io}: {ran}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let shell = Shell::new();
    shell.write("access.log", ACCESS);
    for options in ["", "--json"] {
        let mut child = shell.start(&format!("logs - {options}"));
        // Nobody reads the report, which comes when standard input ends.
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(ACCESS.as_bytes()).expect("it reads");
        drop(stdin);
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(0), ""),
            "{options}: {ran}"
        );
    }
}

#[test]
fn the_help_is_wrapped_once() {
    let help = Shell::new().tamis("logs --help").stdout;
    let paragraph = help.split("\n\n").find(|it| it.starts_with("A pattern is"));
    let lines: Vec<&str> = paragraph.expect("it is there").lines().collect();
    let (_, full) = lines.split_last().expect("it has lines");
    assert!(full.iter().all(|line| line.len() > 60), "{help}");
}
