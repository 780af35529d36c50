//! What is said of every kind of mistake, word by word.

use super::*;

#[test]
fn a_misspelt_key() {
    insta::assert_snapshot!(wrong("# fast\n[performance]\nbatchsize = 5\n"), @"
    error[unknown-key]: unknown key `batchsize` in `[performance]`
     --> tamis.toml:3:1
      |
    3 | batchsize = 5
      | ^^^^^^^^^
      |
      = help: did you mean `batch_size`? the keys of `[performance]` are `max_worker_threads`, `batch_size`, `buffer_size`, `max_memory_usage`, `chunk_cache_size`, `file_cache_size`, `memory_map_threshold`, `compression_threshold`, `streaming_threshold`, `compression`
    ");
}

#[test]
fn a_key_of_another_tool() {
    insta::assert_snapshot!(wrong("[performance]\nbatch_size = 5\n\"colour\\nof\\u001b[31m\" = \"red\"\n"), @r#"
    error[unknown-key]: unknown key `colour\nof\u{1b}[31m` in `[performance]`
     --> tamis.toml:3:1
      |
    3 | "colour\nof\u001b[31m" = "red"
      | ^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: the keys of `[performance]` are `max_worker_threads`, `batch_size`, `buffer_size`, `max_memory_usage`, `chunk_cache_size`, `file_cache_size`, `memory_map_threshold`, `compression_threshold`, `streaming_threshold`, `compression`
    "#);
}

#[test]
fn unknown_tables() {
    insta::assert_snapshot!(wrong("[perfomance]\nbatch_size = 5\n\n[store]\npath = 5\n\n[[serve]]\n"), @"
    error[unknown-table]: unknown table `perfomance`
     --> tamis.toml:1:2
      |
    1 | [perfomance]
      |  ^^^^^^^^^^
      |
      = help: did you mean `[performance]`?

    error[unknown-table]: unknown table `store`
     --> tamis.toml:4:2
      |
    4 | [store]
      |  ^^^^^
      |
      = help: the tables are `[performance]` and `[serve]`

    error[wrong-value]: `serve` must be a table, not an array
     --> tamis.toml:7:1
      |
    7 | [[serve]]
      | ^^^^^^^^^
      |
      = help: write `[serve]` on a line of its own
    ");
}

#[test]
fn a_key_outside_of_its_table() {
    insta::assert_snapshot!(wrong("batch_size = 5\nname = \"x\"\n"), @r#"
    error[unknown-key]: unknown key `batch_size`
     --> tamis.toml:1:1
      |
    1 | batch_size = 5
      | ^^^^^^^^^^
      |
      = help: `batch_size` belongs to the table `[performance]`: write `[performance]` above it

    error[unknown-key]: unknown key `name`
     --> tamis.toml:2:1
      |
    2 | name = "x"
      | ^^^^
      |
      = help: the tables are `[performance]` and `[serve]`
    "#);
}

#[test]
fn a_table_that_is_none() {
    insta::assert_snapshot!(wrong("performance = 5\n"), @"
    error[wrong-value]: `performance` must be a table, not a number
     --> tamis.toml:1:15
      |
    1 | performance = 5
      |               ^
      |
      = help: write `[performance]` on a line of its own
    ");
    insta::assert_snapshot!(wrong("[[performance]]\nbatch_size = 5\n"), @"
    error[wrong-value]: `performance` must be a table, not an array
     --> tamis.toml:1:1
      |
    1 | [[performance]]
      | ^^^^^^^^^^^^^^^
      |
      = help: write `[performance]` on a line of its own
    ");
}

#[test]
fn wrong_types() {
    let text = "[performance]\nmax_worker_threads = 2.5\nbatch_size = \"500\"\nbuffer_size = true\n\
                max_memory_usage = [1]\nchunk_cache_size = 2026-01-01\ncompression = 1\n";
    insta::assert_snapshot!(wrong(text), @r#"
    error[wrong-value]: `max_worker_threads` must be a whole number from 0 to 4096, not a number with a fraction
     --> tamis.toml:2:22
      |
    2 | max_worker_threads = 2.5
      |                      ^^^

    error[wrong-value]: `batch_size` must be a whole number from 1 to 1000000, not `500`
     --> tamis.toml:3:14
      |
    3 | batch_size = "500"
      |              ^^^^^
      |
      = help: write the number without quotes

    error[wrong-value]: `buffer_size` must be a size from 4KB to 1GB, not a boolean
     --> tamis.toml:4:15
      |
    4 | buffer_size = true
      |               ^^^^
      |
      = help: a size is a text such as "64KB" or "1GiB", or a whole number of bytes

    error[wrong-value]: `max_memory_usage` must be a size from 1MB to 16TB, not an array
     --> tamis.toml:5:20
      |
    5 | max_memory_usage = [1]
      |                    ^^^
      |
      = help: a size is a text such as "64KB" or "1GiB", or a whole number of bytes

    error[wrong-value]: `chunk_cache_size` must be a size from 0 to 16TB, not a date or time
     --> tamis.toml:6:20
      |
    6 | chunk_cache_size = 2026-01-01
      |                    ^^^^^^^^^^
      |
      = help: a size is a text such as "64KB" or "1GiB", or a whole number of bytes

    error[wrong-value]: `compression` must be `none`, `lz4`, `zstd` or `zstd:LEVEL` with a level from -7 to 19, not `1`
     --> tamis.toml:7:15
      |
    7 | compression = 1
      |               ^
    "#);
}

#[test]
fn wrong_values() {
    let text = "[performance]\nmax_worker_threads = -1\nbatch_size = 0\nbuffer_size = \"500TB\"\n\
                max_memory_usage = 0\nchunk_cache_size = -5\n\
                file_cache_size = 99999999999999999999999999999999999999999\n\
                streaming_threshold = \"100 MB\"\nmemory_map_threshold = \"\"\n";
    insta::assert_snapshot!(wrong(text), @r#"
    error[wrong-value]: `max_worker_threads` must be a whole number from 0 to 4096, not `-1`
     --> tamis.toml:2:22
      |
    2 | max_worker_threads = -1
      |                      ^^

    error[wrong-value]: `batch_size` must be a whole number from 1 to 1000000, not `0`
     --> tamis.toml:3:14
      |
    3 | batch_size = 0
      |              ^

    error[wrong-value]: `buffer_size` must be a size from 4KB to 1GB, not `500TB`
     --> tamis.toml:4:15
      |
    4 | buffer_size = "500TB"
      |               ^^^^^^^

    error[wrong-value]: `max_memory_usage` must be a size from 1MB to 16TB, not `0`
     --> tamis.toml:5:20
      |
    5 | max_memory_usage = 0
      |                    ^

    error[wrong-value]: `chunk_cache_size` must be a size from 0 to 16TB, not `-5`
     --> tamis.toml:6:20
      |
    6 | chunk_cache_size = -5
      |                    ^^

    error[wrong-value]: `file_cache_size` must be a size from 0 to 16TB, not so large a number
     --> tamis.toml:7:19
      |
    7 | file_cache_size = 99999999999999999999999999999999999999999
      |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: a size is a text such as "64KB" or "1GiB", or a whole number of bytes

    error[wrong-value]: `streaming_threshold` must be a size from 0 to 16TB, not `100 MB`
     --> tamis.toml:8:23
      |
    8 | streaming_threshold = "100 MB"
      |                       ^^^^^^^^
      |
      = help: unknown unit ` MB`: expected B, KB, MB, GB, TB or KiB, MiB, GiB, TiB, as in 64KB

    error[wrong-value]: `memory_map_threshold` must be a size from 0 to 16TB, not an empty text
     --> tamis.toml:9:24
      |
    9 | memory_map_threshold = ""
      |                        ^^
      |
      = help: a size is a text such as "64KB" or "1GiB", or a whole number of bytes
    "#);
}

#[test]
fn wrong_compressions() {
    insta::assert_snapshot!(wrong("[performance]\ncompression = \"zstd:20\"\n"), @r#"
    error[wrong-value]: `compression` must be `none`, `lz4`, `zstd` or `zstd:LEVEL` with a level from -7 to 19, not `zstd:20`
     --> tamis.toml:2:15
      |
    2 | compression = "zstd:20"
      |               ^^^^^^^^^
    "#);
    insta::assert_snapshot!(wrong("[performance]\ncompression = \"ZSTD\"\n"), @r#"
    error[wrong-value]: `compression` must be `none`, `lz4`, `zstd` or `zstd:LEVEL` with a level from -7 to 19, not `ZSTD`
     --> tamis.toml:2:15
      |
    2 | compression = "ZSTD"
      |               ^^^^^^
      |
      = help: did you mean `zstd`?
    "#);
}

#[test]
fn no_toml() {
    insta::assert_snapshot!(wrong("[performance]\nbatch_size 5\nbuffer_size = \"64KB\"\n"), @"
    error[syntax]: not TOML: key with no value, expected `=`
     --> tamis.toml:2:12
      |
    2 | batch_size 5
      |            ^
    ");
    insta::assert_snapshot!(wrong("[performance]\nbuffer_size = 64KB\n"), @"
    error[syntax]: not TOML: string values must be quoted, expected literal string
     --> tamis.toml:2:15
      |
    2 | buffer_size = 64KB
      |               ^^^^
    ");
    insta::assert_snapshot!(wrong("[performance]\nbatch_size = 5\nbatch_size = 6\n"), @"
    error[syntax]: not TOML: duplicate key
     --> tamis.toml:3:1
      |
    3 | batch_size = 6
      | ^^^^^^^^^^
    ");
    insta::assert_snapshot!(wrong("[performance"), @"
    error[syntax]: not TOML: unclosed table, expected `]`
     --> tamis.toml:1:13
      |
    1 | [performance
      |             ^
    ");
}
