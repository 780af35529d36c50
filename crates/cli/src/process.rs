//! A command line that owns its process: signals in, exit code out. The binary and the Python package's command
//! are this and nothing else.

use std::ffi::OsString;
use std::sync::{Mutex, PoisonError};

use tamis_engine::control::Cancel;

use crate::Exit;

/// What a signal stops, once the handler is in place: the command that runs.
static RUNNING: Mutex<Option<Cancel>> = Mutex::new(None);

/// Runs one command line, the program's name first, as the whole purpose of the process: Ctrl-C and termination
/// signals stop it cleanly, and files may be mapped, because losing their pages is survived.
///
/// Signal handlers are the process's own and stay installed; they serve the latest call. Whoever is a guest in somebody else's process calls
/// [`crate::run`] instead.
pub fn run_as_process(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cancel = Cancel::new();
    if let Err(error) = stop_on_signals(&cancel) {
        eprintln!("warning: Ctrl-C will end tamis at once, it cannot be handled: {error}");
    }
    // Files may be mapped only where losing one's pages is survived.
    if let Err(error) = tamis_engine::mmap::install_fault_handler() {
        eprintln!("warning: files are read, not mapped: {error}");
    }
    // A damaged file is told of in one line.
    #[cfg(feature = "parquet")]
    tamis_formats::arrow::panics::keep_quiet();
    #[cfg(feature = "kafka-client")]
    tamis_kafka::panics::keep_quiet();
    crate::run(arguments, &cancel)
}

/// Has signals stop `cancel`, and no longer the command before it.
fn stop_on_signals(cancel: &Cancel) -> Result<(), ctrlc::Error> {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if running.is_none() {
        // Can be done once in a process.
        ctrlc::set_handler(|| {
            let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(cancel) = &*running else { return };
            // The first Ctrl-C lets the run clean up behind itself; the second one does not wait.
            if cancel.is_cancelled() {
                std::process::exit(Exit::Interrupted.code().into());
            }
            cancel.cancel();
        })?;
    }
    *running = Some(cancel.clone());
    Ok(())
}
