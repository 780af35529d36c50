//! A Python of our own, with packages from PyPI, below `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::command::{output, program, require, root, succeeds, target};

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

    /// Runs a script of the repository.
    pub(crate) fn script(&self, path: &str) -> Command {
        let mut command = program(self.program("python"));
        // Scripts lie in the working tree: they leave no compiled files beside them.
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(path);
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
        let mut venv = program("python3");
        venv.args(["-m", "venv"]).arg(&self.folder);
        if succeeds(&mut venv)? {
            return Ok(());
        }
        // Debian keeps half of the module in a package of its own.
        if is_root() && program("apt-get").arg("--version").output().is_ok() {
            eprintln!("python3 cannot make virtual environments; installing python3-venv");
            require(program("apt-get").args(["install", "--yes", "python3-venv"]))?;
            // What the failed attempt left would be taken for an environment.
            fs::remove_dir_all(&self.folder).map_err(|error| error.to_string())?;
            return require(&mut venv);
        }
        Err("python3 cannot make virtual environments: install its venv module (Debian: python3-venv)".to_owned())
    }

    fn pip(&self) -> Command {
        let mut command = program(self.program("python"));
        command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
        command
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

fn is_root() -> bool {
    output(program("id").arg("-u")).is_ok_and(|id| id == "0")
}
