//! Goal: `tamis io-bench` measures every way in a process of its own, says what came of it, and leaves nothing behind.

use serde_json::Value;

use crate::shell::Shell;

#[test]
fn ways_are_measured_and_reported() {
    let shell = Shell::new();
    let ran =
        shell.tamis("io-bench text --make-file 3MB --quick --rounds 2 --seed 5 --threads 2 --json");
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(shell.files(), ["text"], "small files are removed");
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(
        (&report["schema_version"], &report["seed"]),
        (&1.into(), &5.into())
    );
    assert_eq!(report["input"]["path"], "text");
    let jobs = report["jobs"].as_array().expect("jobs");
    let mut lines = Vec::new();
    for job in jobs {
        let runs = job["runs"].as_array().expect("runs");
        assert_eq!(runs.len(), 2, "{job}");
        for figures in runs.iter().filter_map(|run| run.get("figures")) {
            let seconds = figures["seconds"].as_array().expect("passes");
            assert!(
                seconds.len() == 2 && seconds.iter().all(|it| it.as_f64() > Some(0.0)),
                "{job}"
            );
            assert!(figures["peak_rss_bytes"].as_u64() > Some(500_000), "{job}");
            if (&job["pattern"], &job["work"]) == (&"sequential".into(), &"lines".into()) {
                lines.push(figures["count"].as_u64().expect("a number"));
            }
        }
    }
    let expected = shell.read("text").matches('\n').count() as u64;
    assert!(
        lines.len() > 10 && lines.iter().all(|&count| count == expected),
        "{expected} {lines:?}"
    );
    let threads: Vec<_> = jobs
        .iter()
        .filter(|job| job["way"] == "mmap")
        .map(|job| &job["threads"])
        .collect();
    assert!(threads.contains(&&1.into()) && threads.contains(&&2.into()));
    assert_eq!(report["auto"][0]["temperature"], "warm");

    let ran = shell.tamis("io-bench text --quick --seed 5 --threads 1");
    assert_eq!(ran.code, Some(0), "{ran}");
    for part in [
        "text: 3.00 MB are read, 2 times in each process.",
        "\nfrom front to back, from memory, counting lines\n",
        "2,000 small files, from memory, counting lines",
        "mmap, windows of 4 MiB",
        "`--io auto` takes mmap for this file: from memory ",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {ran}");
    }
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let shell = Shell::new();
    shell.write("text", "a\n");
    shell.write("empty", "");
    insta::assert_snapshot!(shell.tamis("io-bench text --make-file 1MB"), @r"
    exit code: 2
    ----- stderr -----
    error: `text` exists
    hint: leave out `--make-file`, or name a file that is to be made
    ");
    insta::assert_snapshot!(shell.tamis("io-bench empty"), @r"
    exit code: 3
    ----- stderr -----
    error: cannot read `empty`: it is not a regular file with something in it
    ");
    assert_eq!(shell.tamis("io-bench missing").code, Some(3));
    assert_eq!(shell.tamis("io-bench text --io mmap").code, Some(2));
    assert_eq!(shell.tamis("io-bench text --rounds 0").code, Some(2));
    assert_eq!(shell.tamis("io-measure nonsense").code, Some(2));
    assert_eq!(shell.files(), ["empty", "text"]);
}
