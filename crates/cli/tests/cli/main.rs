//! The `tamis` binary from outside: standard output, standard error, exit code, files.

mod contract;
mod generate;
mod shell;
