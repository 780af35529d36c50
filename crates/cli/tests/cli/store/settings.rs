//! Goal: every setting does what docs/configuration.md says, and none changes what is stored. (How many files a batch has shows in no
//! output: the unit tests of `add/tasks.rs` see to that.)

use serde_json::Value;

use super::Drops;

/// Runs a command with settings from the environment.
fn with(drops: &Drops, settings: &[(&str, &str)], arguments: &str) -> Value {
    let mut command = drops.command();
    for (key, value) in settings {
        command.env(format!("TAMIS_{}", key.to_uppercase()), value);
    }
    let output = command
        .args(arguments.split_whitespace())
        .arg("--json")
        .output();
    let ran = crate::shell::Ran::from(output.expect("tamis starts"));
    assert_eq!(ran.code, Some(0), "{arguments}: {ran}");
    serde_json::from_str(&ran.stdout).expect("it is JSON")
}

/// A folder of small files and one of 3 MB, which can be compressed.
fn files() -> Drops {
    let drops = Drops::bare();
    for number in 0..20 {
        drops.write(
            &format!("small/{number}"),
            format!("{number}\n").repeat(200),
        );
    }
    let lines = (0..300_000).map(|number| format!("{number:09}\n"));
    drops.write("large", lines.collect::<String>());
    drops
}

/// What an `add` of all files into a new store says.
fn added(drops: &Drops, store: &str, settings: &[(&str, &str)], options: &str) -> Value {
    let folder = format!("stores/{store}");
    with(drops, &[], &format!("init --bare {folder}"));
    let place = format!("--store {folder} --work-tree .");
    with(
        drops,
        settings,
        &format!("{place} add small large {options}"),
    )
}

fn number(document: &Value, path: &str) -> u64 {
    let found = document.pointer(path).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("no {path} in {document}"))
}

#[test]
fn what_is_stored_is_the_same_with_any_settings() {
    let drops = files();
    let settings: [&[(&str, &str)]; 4] = [
        &[],
        &[
            ("buffer_size", "4KB"),
            ("batch_size", "3"),
            ("max_worker_threads", "3"),
        ],
        &[("streaming_threshold", "0"), ("max_memory_usage", "1MB")],
        &[("memory_map_threshold", "0"), ("buffer_size", "1GB")],
    ];
    let trees = settings.iter().enumerate().map(|(index, settings)| {
        added(&drops, &index.to_string(), settings, "");
        let place = format!("--store stores/{index} --work-tree .");
        let committed = with(&drops, &[], &format!("{place} commit -m all"));
        committed["tree"].clone()
    });
    let trees: Vec<_> = trees.collect();
    assert!(
        trees[0].is_string() && trees.iter().all(|tree| *tree == trees[0]),
        "{trees:?}"
    );
}

#[test]
fn files_are_read_as_much_at_a_time_as_is_set() {
    let drops = files();
    let reads = |name: &str, settings: &[(&str, &str)]| {
        let one_thread = [("max_worker_threads", "1"), ("max_memory_usage", "4MB")];
        let settings = [&one_thread, settings].concat();
        number(
            &added(&drops, name, &settings, "--strategy hybrid"),
            "/reads",
        )
    };
    // One for each small file, and what the large one takes.
    assert_eq!(reads("default", &[]), 20 + 47);
    assert_eq!(reads("4KB", &[("buffer_size", "4KB")]), 20 + 750);
    let at_once = ("buffer_size", "1GB");
    assert_eq!(reads("once", &[at_once]), 20 + 1);
    // In windows, one after the other or by all threads: each is a read at least.
    assert!(reads("windows", &[at_once, ("memory_map_threshold", "1MB")]) > 20 + 1);
    assert!(reads("streamed", &[at_once, ("streaming_threshold", "1MB")]) > 20 + 1);
    let large_only = &[at_once, ("memory_map_threshold", "3000001")];
    assert_eq!(reads("just", large_only), 20 + 1);
}

#[test]
fn threads_caches_and_frames_are_as_large_as_is_set() {
    let drops = files();
    let plain = added(&drops, "default", &[], "");
    let threads = added(&drops, "threads", &[("max_worker_threads", "3")], "");
    assert_eq!(number(&threads, "/threads"), 3);
    // Nothing is so long, so nothing is compressed.
    let stored = added(&drops, "stored", &[("compression_threshold", "1GB")], "");
    assert!(number(&plain, "/stored_bytes") < number(&plain, "/bytes") / 2);
    assert!(number(&stored, "/stored_bytes") > number(&stored, "/bytes"));
    with(
        &drops,
        &[],
        "--store stores/default --work-tree . commit -m all",
    );
    let budget = |settings: &[(&str, &str)], tier: &str| {
        let verified = with(&drops, settings, "--store stores/default verify");
        number(&verified, &format!("/caches/{tier}/budget_bytes"))
    };
    assert_eq!(budget(&[], "hot"), 64_000_000);
    assert_eq!(budget(&[("chunk_cache_size", "5MB")], "hot"), 5_000_000);
    assert_eq!(budget(&[("chunk_cache_size", "0")], "hot"), 1 << 20);
    assert_eq!(budget(&[("max_memory_usage", "30MB")], "hot"), 10_000_000);
    assert_eq!(budget(&[], "tables"), 16_000_000);
    assert_eq!(budget(&[("file_cache_size", "2MB")], "tables"), 2_000_000);
}

#[test]
fn large_chunks_and_many_threads_need_no_more_memory_than_is_set() {
    let drops = Drops::bare();
    with(
        &drops,
        &[],
        "init --bare store --chunk-size 1MiB/4MiB/16MiB",
    );
    let mut random = fastrand::Rng::with_seed(1);
    let bytes: Vec<u8> = (0..20_000_000).map(|_| random.u8(..)).collect();
    drops.write("large", &bytes);
    let place = "--store store --work-tree .";
    with(&drops, &[], &format!("{place} add large"));
    with(&drops, &[], &format!("{place} commit -m large"));
    let scarce = [("max_worker_threads", "16"), ("max_memory_usage", "1MB")];
    let got = with(&drops, &scarce, "--store store get HEAD:large -o out");
    assert!(
        number(&got, "/caches/warm/budget_bytes") <= 1 << 20,
        "{got}"
    );
    let out = std::fs::read(drops.path("out/large")).expect("it is there");
    assert!(out == bytes);
}
