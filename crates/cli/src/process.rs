//! A command line that owns its process: signals in, exit code out. The binary and the Python package's command
//! are this and nothing else.

use std::ffi::OsString;

use tamis_engine::control::Cancel;

use crate::Exit;

/// Runs one command line, the program's name first, as the whole purpose of the process: Ctrl-C and termination
/// signals stop it cleanly, and files may be mapped, because losing their pages is survived.
///
/// Signal handlers are the process's own and stay installed. Whoever is a guest in somebody else's process calls
/// [`crate::run`] instead.
pub fn run_as_process(arguments: impl IntoIterator<Item = OsString>) -> Exit {
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
    crate::run(arguments, &cancel)
}
