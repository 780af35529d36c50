//! The live page of `tamis serve`, looked at in a browser.
//!
//! The browser is Debian's Chromium, installed where it is missing and we may; what drives it comes from PyPI. Pictures of the page
//! as it was seen are left in `target/page/shots`.

use std::path::Path;

use crate::Result;
use crate::command::{build_binary, program, succeeds, target};
use crate::debian::install;
use crate::python::Python;

/// Holds the page to what it promises; says so where there is no browser.
pub(crate) fn test() -> Result<bool> {
    let is_missing = program("chromium").arg("--version").output().is_err();
    if is_missing && let Err(reason) = install("chromium", "there is no chromium") {
        eprintln!("NOTICE: the live page is not looked at in a browser: {reason}");
        return Ok(true);
    }
    build_binary()?;
    let python = Python::with("page", Path::new("tests/page/requirements.txt"))?;
    let mut script = python.script("tests/page/run.py");
    script.arg("--tamis").arg(target().join("release/tamis"));
    succeeds(script.arg("--shots").arg(target().join("page/shots")))
}
