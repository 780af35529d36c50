//! The `tamis` binary: signals in, exit code out. Everything between is [`tamis::run`].

use std::process::ExitCode;

use tamis::{Cancel, Exit};

fn main() -> ExitCode {
    let cancel = Cancel::new();
    let handler_cancel = cancel.clone();
    let installed = ctrlc::set_handler(move || {
        // The first Ctrl-C lets the run clean up behind itself; the second one does not wait.
        if handler_cancel.is_cancelled() {
            std::process::exit(Exit::Interrupted.code().into());
        }
        handler_cancel.cancel();
    });
    if let Err(error) = installed {
        eprintln!("warning: Ctrl-C will end tamis at once, it cannot be handled: {error}");
    }
    // Files may be mapped only where losing one's pages is survived.
    if let Err(error) = tamis_engine::mmap::install_fault_handler() {
        eprintln!("warning: files are read, not mapped: {error}");
    }
    tamis::run(std::env::args_os(), &cancel).into()
}
