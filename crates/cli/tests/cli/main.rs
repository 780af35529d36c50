//! The `tamis` binary from outside: standard output, standard error, exit code, files.

mod bench;
mod check;
mod columnar;
mod compress;
mod contract;
mod count;
mod data;
mod dupes;
mod equality;
mod faults;
mod follow;
mod generate;
mod group;
mod infer;
mod inspect;
mod io_bench;
#[cfg(all(feature = "broker", feature = "kafka-client"))]
mod kafka;
mod lists;
mod logs;
mod protobuf;
mod report;
mod rows;
mod search;
#[cfg(feature = "broker")]
mod serve;
mod shell;
mod sort;
mod stats;
mod store;
#[cfg(feature = "parquet")]
mod unusual;
mod usage;
#[cfg(feature = "broker")]
mod user;
