//! `tamis compress` and `tamis decompress`: names, what is kept and what is replaced, and that nothing is left half-written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::data::good_csv;
use crate::faults::{feed_for_ever, signal};
use crate::shell::{Ran, Shell, skip};

const CODECS: [(&str, &str); 3] = [("lz4", "lz4"), ("zstd", "zst"), ("gzip", "gz")];

/// A folder with a file of some blocks in it.
fn shell() -> Shell {
    let shell = Shell::new();
    shell.write("orders.csv", good_csv(100_000));
    shell
}

fn bytes(shell: &Shell, name: &str) -> Vec<u8> {
    fs::read(shell.folder.path().join(name)).expect("it is there")
}

#[test]
fn there_and_back() {
    for (codec, ending) in CODECS {
        let shell = shell();
        let path = shell.folder.path().join("orders.csv");
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&path, mode).expect("it is ours");
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let file = fs::File::options().write(true).open(&path);
        let set = file.and_then(|file| file.set_modified(long_ago));
        set.expect("it is ours");
        let packed = format!("orders.csv.{ending}");
        let ran = shell.tamis(&format!("compress orders.csv --codec {codec} --rm"));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran}");
        assert!(
            ran.stderr.starts_with(&format!("orders.csv -> {packed}: ")),
            "{ran}"
        );
        assert_eq!(shell.files(), [packed.as_str()]);
        let metadata = fs::metadata(shell.folder.path().join(&packed)).expect("it is there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert_eq!(metadata.modified().expect("it has a time"), long_ago);
        let ran = shell.tamis(&format!("decompress {packed} --quiet"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran}");
        assert_eq!(shell.files(), ["orders.csv", packed.as_str()]);
        assert_eq!(shell.read("orders.csv"), good_csv(100_000));
        let ran = shell.tamis(&format!("decompress --test {packed}"));
        assert!(
            ran.stderr
                .starts_with(&format!("{packed}: sound {codec}, ")),
            "{ran}"
        );
    }
}

#[test]
fn the_bytes_do_not_depend_on_threads() {
    let shell = shell();
    for (codec, block) in [("lz4", "64KiB"), ("zstd", "100KB"), ("gzip", "5KB")] {
        let pack = |more: &str| {
            let command = format!(
                "compress orders.csv -o out --force --codec {codec} --block {block} {more}"
            );
            assert_eq!(shell.tamis(&command).code, Some(0), "{command}");
            bytes(&shell, "out")
        };
        let expected = pack("--threads 1");
        for more in [
            "--threads 2",
            "--threads 7 --io mmap",
            "--threads 3 --io read",
        ] {
            assert!(pack(more) == expected, "{codec} {more}");
        }
    }
}

#[test]
fn outputs_have_names_or_none() {
    let shell = shell();
    fs::create_dir(shell.folder.path().join("there")).expect("a folder");
    shell.write("b.csv", "id\n1\n");
    let names = |folder: &str| {
        let entries = fs::read_dir(shell.folder.path().join(folder)).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        shell.tamis("compress orders.csv b.csv -o there").code,
        Some(0)
    );
    assert_eq!(names("there"), ["b.csv.zst", "orders.csv.zst"]);
    // The codec by the name.
    assert_eq!(shell.tamis("compress b.csv -o there/c.lz4").code, Some(0));
    assert!(bytes(&shell, "there/c.lz4").starts_with(&[0x04, 0x22, 0x4d, 0x18]));
    // From standard input to standard output.
    let mut command = shell.command();
    let ran = command
        .args(["compress", "b.csv", "-c", "--codec", "gzip", "-q"])
        .output();
    let packed = ran.expect("tamis starts").stdout;
    let ran = shell.tamis_fed("decompress", &packed);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "id\n1\n"));
    // Several inputs one after the other are an archive.
    shell.write("d.gz", [&packed[..], &packed].concat());
    assert_eq!(
        shell.tamis("decompress d.gz d.gz -c").stdout,
        "id\n1\n".repeat(4)
    );
}

#[test]
fn what_must_not_be_done_is_refused() {
    let shell = shell();
    shell.write("orders.csv.zst", "old");
    let refused = |arguments: &str| {
        let ran = shell.tamis(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran}");
        ran.stderr
    };
    let said = [
        refused("compress orders.csv"),
        refused("compress orders.csv other.csv -o one.zst"),
        refused("compress orders.csv -o orders.csv --force"),
        refused("compress orders.csv ./orders.csv --force"),
        refused("compress orders.csv -c --rm"),
        refused("compress orders.csv -c --level 23"),
        refused("compress orders.csv -c --codec lz4 --block 1MB"),
        refused("compress - -"),
        refused("decompress orders.csv"),
    ];
    insta::assert_snapshot!(said.concat(), @r"
    error: `orders.csv.zst` exists
    hint: use `--force` to replace it
    error: several inputs cannot go into one file
    hint: name a folder, or `-` to put all of them together
    error: the output would replace `orders.csv`, which is read
    hint: write to another file
    error: two inputs would become `./orders.csv.zst`
    error: `--rm` removes files whose results are files
    hint: leave it out
    error: zstd has the levels -7 to 22, and not 23
    error: blocks of lz4 have 64KiB, 256KiB, 1MiB or 4MiB, and not 1000000 bytes
    error: standard input can be read once only
    error: `orders.csv` does not say what it is called unpacked
    hint: its name does not end in .gz, .zst or .lz4: use `-o NAME`, or `-c` for standard output
    ");
    assert_eq!(shell.read("orders.csv.zst"), "old");
    assert_eq!(
        shell.tamis("compress orders.csv --force --keep").code,
        Some(0)
    );
    assert_eq!(
        shell.tamis("decompress orders.csv.zst -c").stdout,
        good_csv(100_000)
    );
}

#[test]
fn what_is_wrong_with_one_does_not_stop_the_others() {
    let shell = shell();
    assert_eq!(shell.tamis("compress orders.csv").code, Some(0));
    let packed = bytes(&shell, "orders.csv.zst");
    shell.write("cut.zst", &packed[..packed.len() / 2]);
    shell.write("long.zst", [&packed[..], b"and more"].concat());
    shell.write("plain.gz", "plain");
    let before = shell.files();
    let ran = shell.tamis("decompress cut.zst long.zst plain.gz orders.csv.zst --force --test");
    assert_eq!(ran.code, Some(2), "`--test` writes nothing: {ran}");
    let ran =
        shell.tamis("decompress cut.zst long.zst plain.gz nowhere.gz orders.csv.zst --force -q");
    insta::assert_snapshot!(ran, @r"
    exit code: 3
    ----- stderr -----
    error: `cut.zst` is not valid zstd (after 1703936 bytes of plain data): incomplete frame
    error: `long.zst` is not valid zstd (after 3388905 bytes of plain data): Unknown frame descriptor
    error: `plain.gz` is not packed as gzip, zstd or lz4
    error: cannot open `nowhere.gz`: No such file or directory (os error 2)
    ");
    assert_eq!(shell.files(), before, "nothing of what is damaged is left");
    let ran = shell.tamis("decompress --test cut.zst orders.csv.zst");
    assert_eq!(ran.code, Some(1), "{ran}");
    // What `lz4 -l` writes has the name of a frame, and is none.
    shell.write("legacy.lz4", b"\x02\x21\x4c\x18\x05\0\0\0\x40text");
    let ran = shell.tamis("decompress legacy.lz4");
    assert_eq!(ran.code, Some(1), "{ran}");
    assert_eq!(
        ran.stderr,
        "error: `legacy.lz4` is not packed as gzip, zstd or lz4\n"
    );
}

#[test]
fn bombs_are_for_whoever_wants_a_limit() {
    let shell = Shell::new();
    shell.write("zeros", vec![0; 40 << 20]);
    assert_eq!(shell.tamis("compress zeros").code, Some(0));
    assert_eq!(shell.tamis("decompress --test zeros.zst").code, Some(0));
    let ran = shell.tamis("decompress zeros.zst --test --max-expansion 10");
    assert_eq!(ran.code, Some(1), "{ran}");
}

#[test]
fn interrupting_leaves_nothing() {
    for arguments in [
        "compress - -o out.zst",
        "compress - -o out.gz",
        "compress - -o out.lz4",
    ] {
        let shell = Shell::new();
        let mut child = shell.start(arguments);
        let feeding = feed_for_ever(&mut child);
        std::thread::sleep(Duration::from_millis(300));
        signal(&child, "INT");
        let ran = Ran::from(child.wait_with_output().expect("tamis ends"));
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(130), ""),
            "{arguments}"
        );
        assert_eq!(shell.files(), Vec::<String>::new());
        assert!(feeding.join().expect("the feeder ends") > 0);
    }
}

/// A disk of 128 KiB, in a mount namespace of its own, so that nothing stays mounted whatever happens.
#[test]
fn a_full_disk_leaves_nothing() {
    let unshared = |shell: &Shell, script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]);
        command.current_dir(shell.folder.path());
        command.env("TAMIS", env!("CARGO_BIN_EXE_tamis"));
        command.output()
    };
    let mount = "mkdir -p disk && mount -t tmpfs -o size=128k none disk";
    if !unshared(&Shell::new(), mount).is_ok_and(|output| output.status.success()) {
        skip("no right to mount");
        return;
    }
    let shell = shell();
    assert_eq!(shell.tamis("compress orders.csv").code, Some(0));
    for verb in [
        "compress orders.csv --codec gzip",
        "decompress orders.csv.zst",
    ] {
        let script =
            format!("{mount}; \"$TAMIS\" {verb} --rm -o disk; code=$?; ls -A disk; exit $code");
        let ran = Ran::from(unshared(&shell, &script).expect("it ran before"));
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(3), ""),
            "{verb}: {ran}"
        );
        assert!(ran.stderr.contains("No space left"), "{verb}: {ran}");
        let input = verb.split(' ').nth(1).expect("it has an input");
        assert!(
            shell.files().contains(&input.to_owned()),
            "it was not removed"
        );
    }
}
