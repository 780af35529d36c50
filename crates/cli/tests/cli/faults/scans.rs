//! The same faults in the verbs that look at any file: nothing is waited for but what a run has done so far.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use super::signal;
use crate::data::good_csv;
use crate::shell::{Ran, Shell, skip};

/// More than any run here can read before it is stopped. Nothing of it is on the disk.
const ENDLESS_BYTES: u64 = 1 << 36;

/// A file of zeros that take no room.
fn endless(shell: &Shell, name: &str) -> File {
    let file = File::create(shell.folder.path().join(name)).expect("the folder is writable");
    file.set_len(ENDLESS_BYTES).expect("files can have holes");
    file
}

fn end(child: Child) -> Ran {
    Ran::from(child.wait_with_output().expect("tamis ends"))
}

/// What the kernel says of a process under this name.
fn of_process(child: &Child, name: &str) -> String {
    fs::read_to_string(format!("/proc/{}/{name}", child.id())).unwrap_or_default()
}

/// Waits until a process has mapped a file of this name, or has read more than a program reads when it starts; or until
/// it ends.
fn wait_until_it_reads(child: &mut Child, name: &str) {
    let has_read = |io: &str| {
        let count = io.lines().find_map(|line| line.strip_prefix("rchar: "));
        count.is_some_and(|count| count.parse::<u64>().expect("a number") > 32 << 20)
    };
    while !of_process(child, "maps").contains(name) && !has_read(&of_process(child, "io")) {
        if child.try_wait().expect("it is ours").is_some() {
            return;
        }
        std::thread::yield_now();
    }
}

/// Writes `start`, and then `more` without end, into a child's standard input until that is closed. Returns when so much is
/// read that the child is in the middle of its work.
fn feed(child: &mut Child, start: Vec<u8>, more: Vec<u8>) -> JoinHandle<()> {
    let mut stdin = child.stdin.take().expect("standard input is piped");
    stdin.write_all(&start).expect("it reads");
    for _ in 0..(4 << 20) / more.len() {
        stdin.write_all(&more).expect("it reads");
    }
    std::thread::spawn(move || while stdin.write_all(&more).is_ok() {})
}

fn make_fifo(shell: &Shell) {
    let made = Command::new("mkfifo")
        .arg(shell.folder.path().join("fifo"))
        .status();
    assert!(made.expect("mkfifo starts").success());
}

#[test]
fn a_file_that_shrinks_while_it_is_counted_is_a_typed_error() {
    // What is mapped is counted to its end, so it is short at first; longer if it was counted before we got at it.
    let run = |io: &str, len_bytes: u64| {
        let shell = Shell::new();
        let file = endless(&shell, "shrinks");
        file.set_len(len_bytes).expect("files can have holes");
        shell.write("after", "one line\n");
        let mut child = shell.start(&format!("count -lw shrinks after --io {io}"));
        wait_until_it_reads(&mut child, "shrinks");
        file.set_len(1000).expect("it can be cut");
        end(child)
    };
    for io in ["mmap", "read"] {
        let ran = (28..36).map(|bits| run(io, 1 << bits));
        let ran = ran.into_iter().find(|ran| ran.code != Some(0));
        let ran = ran.expect("we are fast enough once");
        assert_eq!(ran.code, Some(3), "{io}: {ran}");
        let changed = "error: `shrinks` changed while it was read (noticed at byte ";
        assert!(ran.stderr.starts_with(changed), "{io}: {ran}");
        assert_eq!(ran.stdout, "1 2 after\n1 2 total\n", "{io}: {ran}");
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_packed_is_a_typed_error() {
    let text = good_csv(600_000);
    for (io, output) in [
        ("mmap", "-"),
        ("read", "-"),
        ("mmap", "out"),
        ("read", "out"),
    ] {
        let shell = Shell::new();
        let file = match output {
            "out" => endless(&shell, "shrinks"),
            _ => {
                shell.write("shrinks", &text);
                let path = shell.folder.path().join("shrinks");
                File::options().write(true).open(path).expect("it is there")
            }
        };
        let mut child = shell.start(&format!(
            "compress shrinks --codec lz4 --block 64KiB --threads 1 --io {io} -o {output}"
        ));
        match output {
            "out" => wait_until_it_reads(&mut child, "shrinks"),
            // The pipe is full and the run stands still soon after this.
            _ => {
                let stdout = child.stdout.as_mut().expect("standard output is piped");
                stdout.read_exact(&mut [0]).expect("something comes");
            }
        }
        file.set_len(1000).expect("it can be cut");
        let ran = child.wait_with_output().expect("tamis ends");
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(3), "{io} {output}: {stderr}");
        assert!(
            stderr.starts_with("error: `shrinks` changed while it was read (noticed at byte "),
            "{io} {output}: {stderr}"
        );
        assert_eq!(shell.files(), ["shrinks"], "{io} {output}");
    }
}

#[test]
fn interrupting_ends_quietly_and_leaves_nothing() {
    let packed = |text: &[u8]| zstd::encode_all(text, 1).expect("it can be packed");
    let text = good_csv(20_000).into_bytes();
    let streams: [(&str, Vec<u8>, Vec<u8>); 4] = [
        ("count", Vec::new(), text.clone()),
        ("compress - -o out.gz", Vec::new(), text.clone()),
        ("decompress - -o out", Vec::new(), packed(&text)),
        // Of a known kind, so that all of it is wanted.
        ("inspect -", wav_without_end(), vec![0; 1 << 16]),
    ];
    for (arguments, start, more) in streams {
        let shell = Shell::new();
        let mut child = shell.start(arguments);
        let feeding = feed(&mut child, start, more);
        signal(&child, "INT");
        let ran = end(child);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(130), ""),
            "{arguments}: {ran}"
        );
        assert_eq!(ran.stdout, "", "{arguments}");
        assert_eq!(shell.files(), Vec::<String>::new(), "{arguments}");
        feeding.join().expect("the feeder ends");
    }
    let shell = Shell::new();
    for name in ["endless", "twin"] {
        endless(&shell, name);
    }
    for arguments in ["count endless", "dupes endless twin --no-cache"] {
        let mut child = shell.start(arguments);
        wait_until_it_reads(&mut child, "endless");
        signal(&child, "INT");
        let ran = end(child);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(130), ""),
            "{arguments}: {ran}"
        );
        assert_eq!(
            (ran.stdout.as_str(), shell.files().len()),
            ("", 2),
            "{arguments}"
        );
    }
}

/// The start of a sound file whose length nobody knew when it was begun.
fn wav_without_end() -> Vec<u8> {
    let mut bytes = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0".to_vec();
    bytes
        .extend_from_slice(b"\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\xff\xff\xff\xff");
    bytes
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let shell = Shell::new();
    shell.write("orders.csv", good_csv(20_000));
    shell.write("twin.csv", good_csv(20_000));
    shell.write(
        "packed.zst",
        zstd::encode_all(good_csv(20_000).as_bytes(), 1).expect("it can be packed"),
    );
    let before = shell.files();
    for arguments in [
        "count orders.csv",
        "count -l --json orders.csv twin.csv",
        "dupes . --no-cache --quiet",
        "dupes . --no-cache --json --quiet",
        "inspect orders.csv packed.zst",
        "inspect --json orders.csv packed.zst",
        "compress orders.csv -c --quiet",
        "compress orders.csv -c --codec lz4 --quiet",
        "compress orders.csv -c --codec gzip --quiet",
        "decompress packed.zst -c --quiet",
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = shell.command();
        command.args(arguments.split_whitespace());
        command
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped());
        let ran = end(command.spawn().expect("tamis starts"));
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(0), ""),
            "{arguments}"
        );
        assert_eq!(shell.files(), before, "{arguments}");
    }
}

/// Runs a command while a text is written to `fifo`.
fn with_fifo(shell: &Shell, arguments: &str, text: &'static [u8]) -> Ran {
    let path = shell.folder.path().join("fifo");
    let writer = std::thread::spawn(move || {
        let fifo = File::options().write(true).open(path);
        let written = fifo.and_then(|mut fifo| fifo.write_all(text));
        written.expect("somebody reads");
    });
    let ran = shell.tamis(arguments);
    writer.join().expect("it was read");
    ran
}

#[test]
fn pipes_with_a_name_are_read_to_their_end() {
    let shell = Shell::new();
    make_fifo(&shell);
    let ran = with_fifo(&shell, "count fifo", b"two words\n");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), " 1  2 10 fifo\n"),
        "{ran}"
    );
    let ran = with_fifo(&shell, "inspect fifo", b"GIF89a\x02\0\x01\0\0\0\0;");
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.stdout.starts_with("fifo: GIF image, 2 x 1, "), "{ran}");
    for codec in ["zstd", "lz4", "gzip"] {
        let ran = with_fifo(
            &shell,
            &format!("compress fifo --codec {codec} -o packed --force"),
            b"two words\n",
        );
        assert_eq!(ran.code, Some(0), "{codec}: {ran}");
        let ran = shell.tamis("decompress packed -c --quiet");
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(0), "two words\n"),
            "{codec}: {ran}"
        );
    }
}

/// Files of the kernel say that they are empty.
#[test]
fn files_of_the_kernel_are_read_to_their_end() {
    let shell = Shell::new();
    let path = "/proc/sys/kernel/ostype";
    let Ok(text) = fs::read_to_string(path) else {
        skip(&format!("no {path}"));
        return;
    };
    let ran = shell.tamis(&format!("count -c {path}"));
    assert_eq!(
        (ran.code, ran.stdout),
        (Some(0), format!("{} {path}\n", text.len()))
    );
    let ran = shell.tamis(&format!("inspect {path}"));
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(
        ran.stdout
            .contains(&format!("begins with             {}\\n", text.trim_end())),
        "{ran}"
    );
    for codec in ["zstd", "lz4", "gzip"] {
        let ran = shell.tamis(&format!(
            "compress {path} --codec {codec} -o packed --force"
        ));
        assert_eq!(ran.code, Some(0), "{codec}: {ran}");
        let ran = shell.tamis("decompress packed -c --quiet");
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(0), text.as_str()),
            "{codec}: {ran}"
        );
    }
    // Nothing is mapped at address 0 of any process.
    for verb in [
        "count",
        "inspect",
        "compress -o packed -f",
        "decompress -o plain",
    ] {
        let ran = shell.tamis(&format!("{verb} /proc/self/mem"));
        assert_eq!(ran.code, Some(3), "{verb}: {ran}");
        assert_eq!(
            ran.stderr,
            "error: cannot read `/proc/self/mem` at byte 0: Input/output error (os error 5)\n",
            "{verb}"
        );
    }
}

#[test]
fn names_need_not_be_text() {
    let shell = Shell::new();
    let name = |ending: &[u8]| {
        std::ffi::OsString::from(std::ffi::OsStr::from_bytes(
            &[b"caf\xe9.txt", ending].concat(),
        ))
    };
    let path = |name: &std::ffi::OsStr| shell.folder.path().join(Path::new(name));
    // Some file systems take text only.
    if File::create(path(&name(b""))).is_err() {
        skip("names have to be text here");
        return;
    }
    let run = |arguments: &[&str], name: &std::ffi::OsStr| {
        let output = shell.command().args(arguments).arg(name).output();
        let output = output.expect("tamis starts");
        let (stdout, stderr) = (output.stdout.clone(), output.stderr.clone());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        (stdout, stderr)
    };
    shell.write(name(b""), "two words\n");
    for (codec, ending) in [("zstd", ".zst"), ("lz4", ".lz4"), ("gzip", ".gz")] {
        run(
            &["compress", "--codec", codec, "--quiet", "--rm"],
            &name(b""),
        );
        assert!(!path(&name(b"")).exists(), "{codec}");
        run(&["decompress", "--quiet", "--rm"], &name(ending.as_bytes()));
        let text = fs::read(path(&name(b""))).expect("it is there again");
        assert_eq!(
            (text.as_slice(), shell.files().len()),
            (b"two words\n".as_slice(), 1),
            "{codec}"
        );
    }
    // What is shown is text whatever the name is.
    let (stdout, _) = run(&["inspect"], &name(b""));
    let shown = String::from_utf8(stdout).expect("it is text");
    assert!(
        shown.starts_with("caf\u{fffd}.txt: of no kind that is known here, 10 B\n"),
        "{shown}"
    );
    let (stdout, _) = run(&["inspect", "--json"], &name(b""));
    let document: serde_json::Value = serde_json::from_slice(&stdout).expect("JSON is UTF-8");
    assert_eq!(document["files"][0]["file"], "caf\u{fffd}.txt");
    assert_eq!(document["files"][0]["bytes"], 10);
    let (_, stderr) = run(&["compress"], &name(b""));
    let said = String::from_utf8(stderr).expect("it is text");
    assert!(
        said.starts_with("caf\u{fffd}.txt -> caf\u{fffd}.txt.zst: 10 B, "),
        "{said}"
    );
}
