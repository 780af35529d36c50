//! Outputs that take no more.

use std::process::Command;

use super::{shell, stalled};
use crate::data::{HEADER, good_csv};
use crate::shell::{Ran, Shell, skip};

/// A folder with good and bad rows in it, 600 kB of each.
fn mixed() -> Shell {
    let shell = shell();
    let bad = "TX1,0,this row has a wrong identifier and an amount that is too small\n";
    shell.write("orders.csv", good_csv(20_000) + &bad.repeat(9_000));
    shell
}

#[test]
fn a_device_that_is_full() {
    for output in ["--good", "--bad", "--report"] {
        let shell = mixed();
        let before = shell.files();
        let ran = shell.tamis(&format!(
            "check orders.csv --contract orders.odcs.yaml {output} /dev/full"
        ));
        assert_eq!(ran.code, Some(3), "{output}: {ran}");
        assert_eq!(
            ran.stderr,
            "error: cannot write `/dev/full`: No space left on device (os error 28)\n"
        );
        assert_eq!(shell.files(), before);
    }
}

/// A disk of 128 KiB, in a mount namespace of its own, so that nothing stays mounted whatever happens.
#[test]
fn a_disk_that_gets_full() {
    let unshared = |script: &str, shell: &Shell| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]);
        command.current_dir(shell.folder.path());
        command.env("TAMIS", env!("CARGO_BIN_EXE_tamis"));
        command.output()
    };
    let mount = "mkdir -p disk && mount -t tmpfs -o size=128k none disk";
    let can_mount = unshared(mount, &Shell::new()).is_ok_and(|output| output.status.success());
    if !can_mount {
        skip("no right to mount");
        return;
    }
    for output in ["good", "bad"] {
        let shell = mixed();
        let check = format!(
            "{mount}; \"$TAMIS\" check orders.csv --contract orders.odcs.yaml --{output} disk/{output}.csv; \
             code=$?; ls -A disk; exit $code"
        );
        let ran = Ran::from(unshared(&check, &shell).expect("it ran before"));
        assert_eq!(ran.code, Some(3), "{ran}");
        let message = format!(
            "error: cannot write `disk/{output}.csv`: No space left on device (os error 28)\n"
        );
        assert_eq!(ran.stderr, message);
        assert_eq!(ran.stdout, "", "nothing is left on the disk");
    }
}

#[test]
fn a_folder_that_is_not_there() {
    for output in ["--good", "--bad", "--report"] {
        let shell = mixed();
        let ran = shell.tamis(&format!(
            "check orders.csv --contract orders.odcs.yaml {output} there/not.csv"
        ));
        assert_eq!(ran.code, Some(3), "{ran}");
        assert_eq!(
            ran.stderr,
            "error: cannot write `there/not.csv`: No such file or directory (os error 2)\n"
        );
    }
}

#[test]
fn a_reader_that_has_seen_enough() {
    let shell = shell();
    shell.write("orders.csv", good_csv(600_000));
    let (mut child, first) = stalled(&shell, "orders.csv");
    assert_eq!(first[0], HEADER.as_bytes()[0]);
    drop(child.stdout.take());
    let ran = Ran::from(child.wait_with_output().expect("tamis ends"));
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(0), ""),
        "as with `head`"
    );
    assert_eq!(shell.files(), ["orders.csv", "orders.odcs.yaml"]);
}

#[test]
fn a_report_that_nobody_reads() {
    let shell = mixed();
    let mut child = shell.start("check orders.csv --contract orders.odcs.yaml");
    drop(child.stdout.take());
    let ran = Ran::from(child.wait_with_output().expect("tamis ends"));
    assert_eq!(ran.stderr, "", "{ran}");
}
