//! The `tamis` command: the wheel carries it as an entry point into the binary's own code.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Adds the function.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(run_command, module)?)
}

/// Runs a command line, the program's name first, as the process that it is: signals are handled until it ends.
/// Returns the exit code.
#[pyfunction]
fn run_command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| tamis::run_as_process(arguments)).code()
}
