//! `tamis search`: what ripgrep does not have, and what goes wrong. That it prints what ripgrep prints, `tests/oracle/search.py` holds.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::faults::signal;
use crate::shell::{Ran, Shell};

fn shell() -> Shell {
    let shell = Shell::new();
    shell.write(
        "app.log",
        "boot\nerror: disk\nretry error: disk\nok\nerror: net\nend\n",
    );
    shell
}

#[test]
fn lines_are_found_as_by_ripgrep() {
    let shell = shell();
    insta::assert_snapshot!(shell.tamis("search -n error app.log"), @r#"
    exit code: 0
    ----- stdout -----
    2:error: disk
    3:retry error: disk
    5:error: net
    "#);
    insta::assert_snapshot!(shell.tamis("search -c missing app.log"), @r#"
    exit code: 1
    "#);
    insta::assert_snapshot!(shell.tamis("search ( app.log"), @r#"
    exit code: 2
    ----- stderr -----
    error: regex parse error:
        (?:()
        ^
    error: unclosed group
    "#);
    insta::assert_snapshot!(shell.tamis("search"), @r#"
    exit code: 2
    ----- stderr -----
    error: there is nothing to search for
    hint: `tamis search PATTERN [INPUT...]`, or `-e` or `-f`
    "#);
}

#[test]
fn further_patterns_narrow_the_lines() {
    let shell = shell();
    let found = |options: &str| shell.tamis(&format!("search -n {options} app.log")).stdout;
    assert_eq!(
        found("error --and disk"),
        "2:error: disk\n3:retry error: disk\n"
    );
    assert_eq!(found("error --and disk --not retry"), "2:error: disk\n");
    assert_eq!(
        found("-v error --and disk --not retry"),
        "1:boot\n3:retry error: disk\n4:ok\n5:error: net\n6:end\n"
    );
    assert_eq!(found("-c error --not disk --not net"), "");
}

#[test]
fn of_options_that_exclude_each_other_the_last_counts() {
    let shell = shell();
    let found = |options: &str| {
        shell
            .tamis(&format!("search {options} error app.log"))
            .stdout
    };
    assert_eq!(
        found("-n -n -m1 -m2"),
        "2:error: disk\n3:retry error: disk\n"
    );
    assert_eq!(found("-l -c"), "3\n");
    assert_eq!(found("-c -l"), "app.log\n");
    assert_eq!(found("--count-matches -c"), "3\n");
    assert!(found("-l --json").starts_with("{\"type\":\"begin\""));
    assert_eq!(found("--json -c"), "3\n");
}

#[test]
fn statistics_are_said_where_lines_are_not() {
    let shell = shell();
    let ran = shell.tamis("search -q --stats error app.log");
    assert!(ran.stdout.contains("3 matched lines\n"), "{ran}");
    let ran = shell.tamis("search -q --json error app.log");
    assert!(
        ran.stdout.starts_with("{\"data\":{\"elapsed_total\""),
        "{ran}"
    );
    assert_eq!(ran.code, Some(0), "{ran}");
}

#[test]
fn bytes_searched_are_those_up_to_the_last_line_counted() {
    let shell = shell();
    let lines: String = (1..=50_000).map(|line| format!("{line}\n")).collect();
    shell.write("numbers", lines);
    for (options, searched) in [
        ("-c -m2", 21),
        ("--count-matches -m2", 21),
        ("-n -m2", 21),
        ("--range bytes:10..20", 10),
        ("-c --range lines:2..=3", 4),
    ] {
        for chunk in ["1B", "64KiB", "1MiB"] {
            for threads in [1, 2] {
                let run = format!("--chunk-size {chunk} --threads {threads}");
                let ran = shell.tamis(&format!("search --stats {options} {run} 1 numbers"));
                let expected = format!("\n{searched} bytes searched\n");
                assert!(ran.stdout.contains(&expected), "{options} {run}: {ran}");
            }
        }
    }
}

#[test]
fn what_stands_between_inputs_ends_as_lines_do() {
    let shell = Shell::new();
    shell.write("one", "a\r\nx\r\n");
    shell.write("two", "a\r\nx\r\n");
    let found = |options: &str| {
        let run = format!("search --sort path -I {options} a one two");
        shell.tamis(&run).stdout
    };
    assert_eq!(found("--crlf -A1"), "a\r\nx\r\n--\r\na\r\nx\r\n");
    assert_eq!(found("-A1"), "a\r\nx\r\n--\na\r\nx\r\n");
}

#[test]
fn a_mark_is_no_text_of_a_range_of_a_stream() {
    let shell = Shell::new();
    let text = b"\xef\xbb\xbffoo\nbar\nfoo\n";
    for (range, expected) in [
        ("lines:1..3", "0:foo\n"),
        ("lines:2..", "8:foo\n"),
        ("bytes:0..", "0:foo\n8:foo\n"),
    ] {
        let run = format!("search -b ^foo --range {range} -");
        assert_eq!(shell.tamis_fed(&run, text).stdout, expected, "{range}");
    }
}

#[test]
fn archives_that_are_not_unpacked_are_named() {
    let shell = Shell::new();
    shell.write("text.xz", b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46");
    let ran = shell.tamis("search -z x text.xz");
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.stderr.contains("`text.xz` is packed as xz"), "{ran}");
    assert_eq!(shell.tamis("search -z x .").code, Some(2));
    assert_eq!(shell.tamis("search x text.xz").code, Some(1));
}

#[test]
fn a_multiline_search_of_single_lines_shares_them_out() {
    let shell = shell();
    let found = |options: &str| shell.tamis(&format!("search -n {options} app.log")).stdout;
    assert_eq!(found("-U net"), "5:error: net\n");
    assert_eq!(found("-U net\\nend"), "5:error: net\n6:end\n");
    assert_eq!(
        found("-U --multiline-dotall net.end"),
        "5:error: net\n6:end\n"
    );
}

#[test]
fn a_range_is_all_that_is_searched() {
    let shell = shell();
    let found = |options: &str| {
        shell
            .tamis(&format!("search -n o {options} app.log"))
            .stdout
    };
    assert_eq!(
        found("--range lines:2..=3"),
        "2:error: disk\n3:retry error: disk\n"
    );
    assert_eq!(found("--range lines:4.."), "4:ok\n5:error: net\n");
    assert_eq!(found("--range lines:40.."), "");
    // A line belongs to the range that its first byte is in.
    assert_eq!(found("--range bytes:0..6"), "1:boot\n2:error: disk\n");
    assert_eq!(found("--range bytes:6..19"), "3:retry error: disk\n");
    assert_eq!(found("--range bytes:5..6"), "2:error: disk\n");
    assert_eq!(found("--range bytes:6..17"), "");
    for range in [
        "lines:2..=3",
        "lines:4..",
        "bytes:0..6",
        "bytes:6..19",
        "bytes:5..6",
        "bytes:6..17",
    ] {
        let options = format!("search -n -b o --range {range}");
        let whole = shell
            .tamis(&format!("{options} app.log --chunk-size 3"))
            .stdout;
        let text = fs::read(shell.folder.path().join("app.log")).unwrap();
        let fed = shell.tamis_fed(&format!("{options} -"), &text);
        assert_eq!(fed.stdout, whole, "{range}");
    }
    let wrong = shell.tamis("search o app.log --range lines:0..3");
    assert_eq!(wrong.code, Some(2), "{wrong}");
    assert!(wrong.stderr.contains("lines are counted from 1"), "{wrong}");
}

#[test]
fn archives_are_searched_when_asked() {
    let shell = shell();
    let text = fs::read(shell.folder.path().join("app.log")).unwrap();
    let packed = zstd::encode_all(&text.repeat(100)[..], 3).unwrap();
    shell.write("app.log.zst", packed);
    assert_eq!(shell.tamis("search -z -c net app.log.zst").stdout, "100\n");
    assert_ne!(shell.tamis("search -c net app.log.zst").stdout, "100\n");
    let both = shell.tamis("search -z -c error --sort path .");
    assert_eq!(both.stdout, "./app.log:3\n./app.log.zst:300\n");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_searched() {
    let shell = shell();
    symlink("nowhere", shell.folder.path().join("broken")).unwrap();
    let ran = shell.tamis("search -c error app.log missing broken --sort path");
    assert_eq!(ran.code, Some(2), "{ran}");
    assert_eq!(ran.stdout, "app.log:3\n");
    assert!(
        ran.stderr.contains("missing") && ran.stderr.contains("broken"),
        "{ran}"
    );
    let quiet = shell.tamis("search -q error app.log missing --sort path");
    assert_eq!(quiet.code, Some(0), "a match is enough: {quiet}");
}

#[test]
fn links_that_go_round_are_told_of() {
    let shell = shell();
    fs::create_dir(shell.folder.path().join("inner")).unwrap();
    symlink("..", shell.folder.path().join("inner/up")).unwrap();
    let ran = shell.tamis("search -L -c error --sort path .");
    assert_eq!(ran.stdout, "./app.log:3\n", "{ran}");
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.stderr.contains("loop"), "{ran}");
    let ran = shell.tamis("search -c error .");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "./app.log:3\n"));
}

#[test]
fn names_need_not_be_text() {
    let shell = Shell::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.txt");
    // Some file systems take text only.
    if File::create(shell.folder.path().join(name)).is_err() {
        return;
    }
    shell.write(name, "error\n");
    let output = shell.command().args(["search", "error", "."]).output();
    assert_eq!(output.unwrap().stdout, b"./caf\xe9.txt:error\n");
    let json = shell.tamis("search --json error .");
    assert!(
        json.stdout
            .contains(r#""path":{"bytes":"Li9jYWbpLnR4dA=="}"#),
        "{json}"
    );
}

#[test]
fn pipes_and_files_of_the_kernel_are_searched_when_named() {
    let shell = shell();
    let fifo = shell.folder.path().join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let writer = std::thread::spawn(move || {
        let mut fifo = File::options()
            .write(true)
            .open(fifo)
            .expect("somebody reads");
        fifo.write_all(b"a\nerror\n").expect("it is read");
    });
    let ran = shell.tamis("search -n error fifo");
    writer.join().expect("it was read");
    assert_eq!(ran.stdout, "2:error\n", "{ran}");
    let ran = shell.tamis("search -c error .");
    assert_eq!(
        ran.stdout, "./app.log:3\n",
        "a pipe in a folder is left alone: {ran}"
    );
    let ran = shell.tamis("search -c Vm /proc/self/status");
    assert_eq!(ran.code, Some(0), "{ran}");
}

/// A file so long that a search of it stands still when nobody reads its output.
fn long_file(shell: &Shell) {
    shell.write(
        "long.log",
        "an error that is on every line of the file\n".repeat(2_000_000),
    );
}

#[test]
fn a_file_that_shrinks_under_the_search_is_told_of() {
    for io in ["mmap", "read"] {
        let shell = Shell::new();
        long_file(&shell);
        let mut child = shell.start(&format!("search -n error long.log --io {io}"));
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("lines come");
        assert!(line.starts_with("1:an error"));
        let file = File::options()
            .write(true)
            .open(shell.folder.path().join("long.log"));
        file.and_then(|file| file.set_len(1 << 20))
            .expect("it can be cut");
        stdout.read_to_string(&mut line).expect("lines are text");
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        assert_eq!(ran.code, Some(2), "{io}: {ran}");
        assert!(
            ran.stderr.contains("`long.log` changed while it was read"),
            "{io}: {ran}"
        );
        assert!(line.ends_with('\n'), "whole lines only");
    }
}

#[test]
fn a_reader_that_leaves_ends_the_search() {
    let shell = Shell::new();
    long_file(&shell);
    for options in [
        "-e error",
        "-n error",
        "--json error",
        "-o error",
        "-v -e x",
    ] {
        let mut child = shell.start(&format!("search {options} long.log"));
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let start = Instant::now();
        stdout.read_line(&mut String::new()).expect("lines come");
        drop(stdout);
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(0), ""),
            "{options}: {ran}"
        );
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn an_interrupted_search_ends_quietly() {
    for name in ["INT", "TERM"] {
        let shell = Shell::new();
        long_file(&shell);
        let mut child = shell.start("search -n error long.log");
        let mut stdout = child.stdout.take().expect("it is piped");
        stdout.read_exact(&mut [0]).expect("lines come");
        signal(&child, name);
        std::thread::sleep(Duration::from_millis(50));
        std::io::copy(&mut stdout, &mut std::io::sink()).expect("it can be read");
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(130), ""),
            "{name}: {ran}"
        );
    }
}

#[test]
fn a_stream_without_end_is_left_at_the_last_match_wanted() {
    let shell = shell();
    for options in ["-m1 y", "-q y", "-l y"] {
        let mut yes = Command::new("yes")
            .stdout(Stdio::piped())
            .spawn()
            .expect("`yes` is there");
        let mut command = shell.command();
        command.args(["search"]).args(options.split(' ')).arg("-");
        command.stdin(yes.stdout.take().expect("it is piped"));
        let ran = Ran::from(command.output().expect("tamis runs"));
        // Holds the end of the pipe that is read.
        drop(command);
        yes.wait().expect("nobody reads it");
        assert_eq!(ran.code, Some(0), "{options}: {ran}");
    }
}

#[test]
fn lines_of_a_slow_stream_are_shown_when_they_come() {
    let shell = shell();
    let mut child = shell.start("search -n error - --chunk-size 1MiB");
    let mut stdin = child.stdin.take().expect("it is piped");
    // Nothing is a terminal here, so rows may wait for more; they come at the end at the latest.
    stdin.write_all(b"an error\n").expect("it reads");
    std::thread::sleep(Duration::from_millis(100));
    stdin
        .write_all(b"fine\nan error again\n")
        .expect("it reads");
    drop(stdin);
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.stdout, "1:an error\n3:an error again\n");
}

#[test]
fn a_line_too_long_is_an_error_with_its_place() {
    let shell = Shell::new();
    shell.write("long.txt", format!("short\n{}\n", "x".repeat(100_000)));
    let ran = shell.tamis("search x long.txt --max-line 10kB --io read");
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(
        ran.stderr.contains(
            "`long.txt`: the line at byte 6 is longer than the 10000 bytes that `--max-line` allows"
        ),
        "{ran}"
    );
}

#[test]
fn memory_does_not_grow_with_the_output() {
    let shell = Shell::new();
    long_file(&shell);
    for options in ["-n", "--json", "-C1 -n", "-o -b", "--color always"] {
        let command = format!("search {options} -e [a-z]+ long.log --perf --threads 2");
        let mut child = shell.start(&command);
        let mut stdout = child.stdout.take().expect("it is piped");
        std::io::copy(&mut stdout, &mut std::io::sink()).expect("it can be read");
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        let peak = ran.stderr.lines().find(|line| line.contains("peak memory"));
        let peak = peak.unwrap_or_else(|| panic!("{options}: {ran}"));
        let megabytes: f64 = peak
            .split_whitespace()
            .find_map(|word| word.parse().ok())
            .unwrap_or_else(|| panic!("{peak}"));
        assert!(
            peak.contains("MB") && megabytes < 100.0,
            "{options}: {peak}"
        );
    }
}
