//! Files that change while they are read.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};

use super::{shell, stalled};
use crate::data::good_csv;
use crate::shell::Ran;

/// Checks a file that `change` gets at in the middle of the run, mapped and read.
fn change_during_run(change: impl Fn(&mut File, u64)) -> Vec<Ran> {
    let text = good_csv(600_000);
    let run = |io: &str| {
        let shell = shell();
        shell.write("orders.csv", &text);
        let (child, _) = stalled(&shell, &format!("orders.csv --io {io}"));
        let path = shell.folder.path().join("orders.csv");
        let mut file = File::options().write(true).open(path).expect("it is there");
        change(&mut file, text.len() as u64);
        let ran = Ran::from(child.wait_with_output().expect("tamis ends"));
        assert_eq!(shell.files(), ["orders.csv", "orders.odcs.yaml"], "{io}");
        assert!(ran.stdout.len() < text.len(), "the run was in the middle");
        ran
    };
    ["mmap", "read"].map(run).into()
}

#[test]
fn a_file_truncated_to_nothing_is_a_typed_error() {
    for ran in change_during_run(|file, _| file.set_len(0).expect("it can be cut")) {
        assert_eq!(ran.code, Some(3), "{ran}");
        assert!(
            ran.stderr
                .starts_with("error: `orders.csv` changed while it was read"),
            "{ran}"
        );
    }
}

#[test]
fn a_file_truncated_behind_the_cursor_names_the_byte() {
    for ran in change_during_run(|file, len| file.set_len(len - 1000).expect("it can be cut")) {
        assert_eq!(ran.code, Some(3), "{ran}");
        let len = good_csv(600_000).len();
        let noticed = format!("(noticed at byte {}): its size was {len} bytes", len - 1000);
        assert!(ran.stderr.contains(&noticed), "{ran}");
    }
}

#[test]
fn a_file_that_grows_is_a_typed_error() {
    let grow = |file: &mut File, _| {
        file.seek(SeekFrom::End(0)).expect("it can be sought");
        file.write_all(b"TX0001,1,more\n").expect("it grows");
    };
    for ran in change_during_run(grow) {
        assert_eq!(ran.code, Some(3), "{ran}");
        assert!(ran.stderr.contains("` changed while it was read"), "{ran}");
    }
}

#[test]
fn a_file_replaced_by_another_is_read_to_its_end() {
    let shell = shell();
    let text = good_csv(600_000);
    shell.write("orders.csv", &text);
    let (child, first) = stalled(&shell, "orders.csv");
    // As editors and `mv` do: the name is another file's now, the open one stays as it was.
    shell.write("new.csv", good_csv(1));
    let path = |name: &str| shell.folder.path().join(name);
    fs::rename(path("new.csv"), path("orders.csv")).expect("it can be renamed");
    let ran = Ran::from(child.wait_with_output().expect("tamis ends"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(first.len() + ran.stdout.len(), text.len());
}
