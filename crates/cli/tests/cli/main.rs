//! The `tamis` binary from outside: standard output, standard error, exit code, files.

mod bench;
mod check;
mod columnar;
mod contract;
mod data;
mod equality;
mod faults;
mod follow;
mod generate;
mod group;
mod infer;
mod lists;
mod protobuf;
mod report;
mod rows;
mod shell;
mod sort;
mod stats;
#[cfg(feature = "parquet")]
mod unusual;
mod usage;
