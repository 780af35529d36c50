//! What a configuration may say, where it is found, which of two counts, and what is said of a wrong one.

use std::collections::HashMap;
use std::fs;

use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::Exit;
use crate::args::ByteSize;

mod messages;
mod precedence;
mod serve;

/// What is wrong with the text, drawn without colours.
fn wrong(text: &str) -> String {
    let drawn = check_text(text).expect_err("something is wrong with it");
    anstream::adapter::strip_str(&drawn).to_string()
}

/// The settings of a file with this text, and the defaults for all others.
fn settings(text: &str) -> Performance {
    config(text).performance
}

fn config(text: &str) -> Config {
    let mut config = Config::default();
    let text = ContractText {
        name: "tamis.toml".to_owned(),
        text: text.to_owned(),
    };
    config.add_file(text).expect("a good text");
    config
}

/// The shared options of a command line.
fn flags(line: &str) -> Globals {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        globals: Globals,
    }
    Line::try_parse_from(line.split(' '))
        .expect("a good line")
        .globals
}

#[test]
fn every_key_goes_to_its_place() {
    let text = "
        [performance]
        max_worker_threads = 3
        batch_size = 1_000
        buffer_size = \"1MiB\"
        max_memory_usage = \"1GB\"
        chunk_cache_size = 0
        file_cache_size = 0x1000
        memory_map_threshold = \"1kb\"
        compression_threshold = 100
        streaming_threshold = '2GiB'
        compression = \"lz4\"
    ";
    let expected = Performance {
        max_worker_threads: 3,
        batch_size: 1_000,
        buffer_size: ByteSize(1 << 20),
        max_memory_usage: ByteSize(1_000_000_000),
        chunk_cache_size: ByteSize(0),
        file_cache_size: ByteSize(4096),
        memory_map_threshold: ByteSize(1_000),
        compression_threshold: ByteSize(100),
        streaming_threshold: ByteSize(2 << 30),
        compression: Compression::Lz4,
    };
    assert_eq!(settings(text), expected);
}

#[test]
fn a_table_may_be_written_in_any_way_toml_has() {
    let expected = settings("[performance]\nbatch_size = 7\n");
    assert_eq!(expected.batch_size, 7);
    assert_eq!(settings("performance.batch_size = 7"), expected);
    assert_eq!(settings("performance = { batch_size = 7 }"), expected);
    assert_eq!(
        settings("\u{feff}[performance]\r\n\"batch_size\" = 7"),
        expected
    );
    for nothing in ["", "# nothing\n", "[performance]\n"] {
        assert_eq!(settings(nothing), Performance::default());
    }
}

#[test]
fn limits_are_within() {
    let at_limits = [
        "max_worker_threads = 0",
        "max_worker_threads = 4096",
        "batch_size = 1",
        "batch_size = 1000000",
        "buffer_size = \"4KB\"",
        "buffer_size = \"1GB\"",
        "max_memory_usage = \"1MB\"",
        "max_memory_usage = \"16TB\"",
        "streaming_threshold = 0",
        "streaming_threshold = \"16TB\"",
        "compression = \"zstd:-7\"",
        "compression = \"zstd:19\"",
    ];
    for line in at_limits {
        assert_eq!(
            check_text(&format!("[performance]\n{line}")),
            Ok(()),
            "{line}"
        );
    }
    let beyond = [
        "max_worker_threads = -1",
        "max_worker_threads = 4097",
        "batch_size = 0",
        "batch_size = 1000001",
        "buffer_size = 3999",
        "buffer_size = 1000000001",
        "max_memory_usage = 999999",
        "max_memory_usage = 16000000000001",
        "streaming_threshold = -1",
        "streaming_threshold = 16000000000001",
        "compression = \"zstd:-8\"",
        "compression = \"zstd:20\"",
    ];
    for line in beyond {
        assert!(
            check_text(&format!("[performance]\n{line}")).is_err(),
            "{line}"
        );
    }
}

/// The page and the program name the same keys, variables and defaults; its examples are good.
#[test]
fn the_page_is_true() {
    let page = include_str!("../../../../docs/configuration.md");
    let performance = settings::PERFORMANCE.iter();
    let performance = performance.map(|it| (it.key, it.variable()));
    let serve = settings::SERVE.iter().map(|it| (it.key, it.variable()));
    for (key, variable) in performance.chain(serve) {
        let row = format!("| `{key}` | `{variable}` |");
        assert!(page.contains(&row), "{row}");
    }
    let examples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let defaults = examples.first().expect("the defaults come first");
    let keys = settings::PERFORMANCE.iter().map(|it| it.key);
    for key in keys.chain(settings::SERVE.iter().map(|it| it.key)) {
        let line = format!("\n{key} = ");
        // Where clients come back to, and files that need not be there, have no default.
        let is_file = key.starts_with("tls_") || ["users", "grants"].contains(&key);
        let has_none = key == "advertise" || is_file;
        assert!(defaults.contains(&line) || has_none, "{line}");
    }
    assert_eq!(settings(defaults), Performance::default());
    assert_eq!(config(defaults).serve, Serve::default());
    for example in examples {
        assert_eq!(check_text(example), Ok(()), "{example}");
    }
}

/// Whatever is done to a good text, it is read or refused, and what is drawn of it stays short.
#[test]
fn any_text_is_read_or_refused() {
    const PIECES: [&str; 14] = [
        "[performance]\n",
        "[",
        "]",
        "\"",
        "'''",
        "=",
        ".",
        "{",
        "\n",
        "é",
        "\u{1b}",
        "#",
        "-1",
        "batch_size",
    ];
    let good = "[performance]\nbatch_size = 7 # é\nbuffer_size = \"64KB\"\nx = { y = [1, 2.5] }\n";
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..2_000 {
        let mut text = good.to_owned();
        for _ in 0..random.usize(1..6) {
            let from = text.floor_char_boundary(random.usize(0..=text.len()));
            let to = text.floor_char_boundary((from + random.usize(0..9)).min(text.len()));
            text.replace_range(from..to.max(from), PIECES[random.usize(..PIECES.len())]);
        }
        if let Err(drawn) = check_text(&text) {
            assert!(drawn.contains("tamis.toml"), "{text:?}");
        }
    }
}

#[test]
fn a_file_of_mistakes_is_told_shortly() {
    let lines: String = (0..50_000).map(|n| format!("key{n} = 1\n")).collect();
    assert_eq!(
        wrong(&format!("[performance]\n{lines}"))
            .matches("error[")
            .count(),
        20
    );
    assert_eq!(wrong(&lines).matches("error[").count(), 20);
    assert!(wrong(&"[".repeat(1 << 20)).contains("error[syntax]"));
    assert!(wrong(&format!("x = {}", "[".repeat(1 << 19))).contains("error[syntax]"));
    assert!(wrong(&format!("[{}]", "x.".repeat(1 << 18))).contains("error[syntax]"));
}
