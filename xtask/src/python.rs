//! A Python of our own, with packages from PyPI and the wheel of this repository, below `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::command::{output, program, require, root, succeeds, target};
use crate::debian::install;

/// A virtual environment.
#[derive(Debug)]
pub(crate) struct Python {
    folder: PathBuf,
}

impl Python {
    /// An environment called `name` with the packages of `requirements`, made if it is not there.
    pub(crate) fn with(name: &str, requirements: &Path) -> Result<Self> {
        let python = Self {
            folder: target().join(name),
        };
        if !python.program("python").exists() {
            python.create()?;
        }
        require(
            python
                .pip()
                .arg("install")
                .arg("--requirement")
                .arg(root().join(requirements)),
        )?;
        Ok(python)
    }

    /// Installs a wheel, also over one of the same version.
    pub(crate) fn install(&self, wheel: &Path) -> Result<()> {
        let mut install = self.pip();
        install.args(["install", "--force-reinstall", "--no-deps"]);
        require(install.arg(wheel))
    }

    /// Runs a module: `python -m NAME`.
    pub(crate) fn module(&self, name: &str) -> Command {
        let mut command = self.command();
        command.args(["-m", name]);
        command
    }

    /// The interpreter, started in the root of the repository.
    fn command(&self) -> Command {
        let mut command = program(self.program("python"));
        // Scripts and tests lie in the working tree: they leave no compiled files beside them.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Runs a script of the repository.
    pub(crate) fn script(&self, path: &str) -> Command {
        let mut command = self.command();
        command.arg(path);
        command
    }

    /// The source archive of a package, downloaded if it is not there.
    pub(crate) fn source_archive(&self, package: &str, version: &str) -> Result<PathBuf> {
        let archive = self.folder.join(format!("{package}-{version}.tar.gz"));
        if !archive.exists() {
            let mut download = self.pip();
            download.args(["download", "--no-deps", "--no-binary", ":all:", "--dest"]);
            require(
                download
                    .arg(&self.folder)
                    .arg(format!("{package}=={version}")),
            )?;
        }
        Ok(archive)
    }

    fn create(&self) -> Result<()> {
        require_version()?;
        let mut venv = program("python3");
        venv.args(["-m", "venv"]).arg(&self.folder);
        if succeeds(&mut venv)? {
            return Ok(());
        }
        // Debian keeps half of the module in a package of its own.
        install("python3-venv", "python3 cannot make virtual environments")?;
        // What the failed attempt left would be taken for an environment.
        fs::remove_dir_all(&self.folder).map_err(|error| error.to_string())?;
        require(&mut venv)
    }

    fn pip(&self) -> Command {
        let mut command = program(self.program("python"));
        command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
        command
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

/// Oldest Python that the package supports, and so the tests.
const VERSION_MIN: (u32, u32) = (3, 11);

fn require_version() -> Result<()> {
    let question = "import sys; print(*sys.version_info[:2])";
    let found = output(program("python3").args(["-c", question]))?;
    let mut numbers = found.split(' ').map_while(|number| number.parse().ok());
    let version: Option<(u32, u32)> = numbers.next().zip(numbers.next());
    if version.is_some_and(|version| version >= VERSION_MIN) {
        return Ok(());
    }
    let (major, minor) = VERSION_MIN;
    let found = found.replace(' ', ".");
    Err(format!(
        "the `python3` found first is {found}, and {major}.{minor} or later is needed: put a newer one first in PATH"
    ))
}
