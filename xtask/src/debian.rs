//! Programs that Debian packages: installed when they are missing and we may.

use crate::Result;
use crate::command::{output, program, require, succeeds};

/// Installs `package`, because of what is `missing`; an error that says so where we may not.
pub(crate) fn install(package: &str, missing: &str) -> Result<()> {
    if !is_root() || program("apt-get").arg("--version").output().is_err() {
        return Err(format!("{missing}: install it (Debian: {package})"));
    }
    eprintln!("{missing}; installing {package}");
    let install = || {
        let mut command = program("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command.args(["install", "--yes", "--no-install-recommends", package]);
        command
    };
    // A fresh container has no list of packages yet.
    if !succeeds(&mut install())? {
        require(program("apt-get").arg("update"))?;
        require(&mut install())?;
    }
    Ok(())
}

/// Installs `package` if there is no `tool`; where that cannot be, says that the comparisons with it are left out.
pub(crate) fn provide(tool: &str, package: &str) {
    if program(tool).arg("--version").output().is_ok() {
        return;
    }
    let missing = format!("{tool} is missing");
    if let Err(error) = install(package, &missing) {
        eprintln!("NOTICE: {error}; what is compared with it is left out");
    }
}

fn is_root() -> bool {
    output(program("id").arg("-u")).is_ok_and(|id| id == "0")
}
