//! Goal: a name may be any bytes. People see no control characters, programs get the bytes.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::Drops;

#[test]
fn odd_names_go_in_and_come_out() {
    let drops = Drops::new();
    let names: [&[u8]; 4] = [b"two\nlines", b"\xff\xfe.bin", b"a:b", b"\x1b[31m"];
    for name in names {
        fs::write(drops.0.folder.path().join(OsStr::from_bytes(name)), name).expect("any name");
    }
    let status = drops.store("status").stdout;
    assert!(
        status.contains("  two\\nlines\n") && !status.contains('\x1b'),
        "{status:?}"
    );
    drops.run(&["add", "./a:b"]);
    drops.commit("odd \x1b[31m names");
    insta::assert_snapshot!(drops.store("ls").stdout, @r"
    \u{1b}[31m
    a:b
    two\nlines
    \xff\xfe.bin
    ");
    assert!(!drops.store("log").stdout.contains('\x1b'));
    let listed = drops.json("ls");
    let entries = listed["entries"].as_array().expect("a list");
    assert_eq!(entries[3]["path_base64"], "//4uYmlu");
    let mut command = drops.command();
    command
        .arg("cat")
        .arg(OsStr::from_bytes(b"\xff\xfe.bin"))
        .arg("HEAD:a:b");
    let output = command.output().expect("tamis starts");
    assert_eq!(output.stdout, b"\xff\xfe.bina:b");
    assert_eq!(drops.store("checkout HEAD -o out").code, Some(0));
    let again = drops.store("checkout HEAD -o out");
    assert!(
        again
            .stderr
            .contains("error: `out/two\\nlines` is there already"),
        "{again}"
    );
    assert!(again.stderr.lines().count() == names.len() + 2, "{again}");
    let whole = drops.path("a:b");
    let ran = drops.run(&["cat", whole.to_str().expect("it is text")]);
    assert_eq!(ran.stdout, "a:b", "{ran}");
    for name in names {
        let path = drops.path("out").join(OsStr::from_bytes(name));
        assert_eq!(fs::read(path).expect("it is there"), name);
    }
}
