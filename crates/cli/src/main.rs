//! The `tamis` binary: everything it does is [`tamis::run_as_process`].

use std::process::ExitCode;

fn main() -> ExitCode {
    tamis::run_as_process(std::env::args_os()).into()
}
