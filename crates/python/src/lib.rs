//! The extension module `tamis._tamis`: what the Python package does in Rust.
//!
//! The package in `python/tamis` is the interface; every record is touched here. How the files fit together:
//!
//! - [`contract`] makes contracts, out of fields ([`field`]), ODCS text or data; [`check`] compiles one and runs it;
//! - [`source`] makes sources of what Python code hands in: paths, bytes, and by [`reader`] file objects and iterators;
//! - [`arrow`] and [`rows`] do so of tables and of dicts;
//! - [`result`] is what comes out, [`violation`] one of its errors, [`html`] how notebooks show it, [`stream`] hands it out batch by batch;
//! - [`digest`] names the bytes of files and writes the entries of the cache;
//! - [`line`](mod@line) judges records one by one, and [`scalar`] makes Python values readable for that;
//! - [`partial`] is the check in parts: ranges, scans and partials that can be pickled;
//! - [`detached`] runs everything that takes long, without the interpreter lock and open to Ctrl-C;
//! - [`error`] turns our errors into the exceptions of `tamis.errors`;
//! - [`broker`] runs a broker for tests;
//! - [`command`] is the `tamis` command.
//!
//! All classes are frozen and there is no global state but for one address, so that nothing here relies on the interpreter
//! lock. A file that has something to offer to Python has a function `add_to`, called below.

mod arrow;
mod broker;
mod check;
mod command;
mod contract;
mod detached;
mod digest;
mod error;
mod field;
mod html;
#[cfg(feature = "kafka")]
mod kafka;
mod line;
mod partial;
mod reader;
mod result;
mod rows;
mod scalar;
mod source;
mod stream;
mod violation;

use std::sync::OnceLock;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// The interpreter that the module is in: the address of its module `sys`.
static INTERPRETER: OnceLock<usize> = OnceLock::new();

/// Fills the module.
#[pymodule(gil_used = false)]
fn _tamis(module: &Bound<'_, PyModule>) -> PyResult<()> {
    refuse_subinterpreters(module.py())?;
    // A damaged file is an exception. The hook is the module's own: it comes with a Rust runtime of its own.
    tamis_formats::arrow::panics::keep_quiet();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    contract::add_to(module)?;
    check::add_to(module)?;
    arrow::add_to(module)?;
    digest::add_to(module)?;
    result::add_to(module)?;
    violation::add_to(module)?;
    stream::add_to(module)?;
    line::add_to(module)?;
    partial::add_to(module)?;
    broker::add_to(module)?;
    command::add_to(module)
}

/// The classes are there once in a process. An interpreter that found those of another would hand objects to it, which
/// CPython forbids, and PyO3 does not notice before CPython 3.12.
fn refuse_subinterpreters(py: Python<'_>) -> PyResult<()> {
    let this = py.import("sys")?.as_ptr() as usize;
    match *INTERPRETER.get_or_init(|| this) == this {
        true => Ok(()),
        false => Err(PyImportError::new_err(
            "tamis works in one interpreter of a process, and another one has imported it \
             (hint: worker processes instead of subinterpreters)",
        )),
    }
}
