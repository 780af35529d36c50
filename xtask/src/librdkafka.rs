//! librdkafka, the client that most others are made of, from the sources in the crate `rdkafka-sys`.
//!
//! The crate brings the whole tree: the library, the load generator `rdkafka_performance` and the tests. It is copied below `target/`, for the
//! sources of crates are shared by all projects, and built there once for each version. What else the tree has ([`Librdkafka::make`]) is built
//! against the same library.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Result;
use crate::command::{cargo, output, program, require, target};

/// The crate that brings the sources.
const CRATE: &str = "rdkafka-sys";

/// Written when everything has been built; a tree without it is begun anew.
const MARK: &str = ".built";

/// What is built from: no TLS, no Kerberos, nothing that comes from elsewhere but zlib and zstd, where they are there.
const CONFIGURE: [&str; 5] = [
    "./configure",
    "--disable-ssl",
    "--disable-gssapi",
    "--disable-curl",
    "--disable-lz4-ext",
];

/// A tree of librdkafka whose library is built.
#[derive(Debug)]
pub(crate) struct Librdkafka {
    folder: PathBuf,
    version: String,
}

impl Librdkafka {
    /// Builds the library and the load generator, if they are not there.
    pub(crate) fn build() -> Result<Self> {
        let (sources, version) = sources()?;
        let built = Self {
            folder: target().join("librdkafka").join(&version),
            version,
        };
        if built.folder.join(MARK).exists() {
            return Ok(built);
        }
        copy(&sources, &built.folder)?;
        let [configure, options @ ..] = CONFIGURE;
        let mut command = program(configure);
        require(command.args(options).current_dir(&built.folder))?;
        built.make(".", &["libs"])?;
        built.make("examples", &["rdkafka_performance"])?;
        let mark = built.folder.join(MARK);
        fs::write(&mark, "").map_err(|error| format!("{}: {error}", mark.display()))?;
        Ok(built)
    }

    /// Runs `make` in a folder of the tree.
    pub(crate) fn make(&self, folder: &str, arguments: &[&str]) -> Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let mut make = program("make");
        make.arg("--directory").arg(self.folder.join(folder));
        make.arg(format!("--jobs={cores}")).args(arguments);
        require(&mut make)
    }

    /// The tree, as its authors laid it out.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Of librdkafka, not of the crate.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The load generator.
    pub(crate) fn performance(&self) -> PathBuf {
        self.folder.join("examples/rdkafka_performance")
    }
}

/// Where the crate keeps the tree, and which version it is.
fn sources() -> Result<(PathBuf, String)> {
    let metadata = output(&mut cargo(
        "metadata --format-version 1 --locked --all-features",
    ))?;
    let metadata: Value = serde_json::from_str(&metadata)
        .map_err(|error| format!("what `cargo metadata` says: {error}"))?;
    find(&metadata).ok_or_else(|| format!("`cargo metadata` names no crate {CRATE}"))
}

/// The same in what `cargo metadata` says. The crate's version is `4.10.0+2.12.1`: its own and the library's.
fn find(metadata: &Value) -> Option<(PathBuf, String)> {
    let packages = metadata["packages"].as_array()?;
    let package = packages.iter().find(|it| it["name"] == CRATE)?;
    let manifest = Path::new(package["manifest_path"].as_str()?);
    let (_, version) = package["version"].as_str()?.split_once('+')?;
    Some((manifest.with_file_name("librdkafka"), version.to_owned()))
}

/// Copies a tree to where none is afterwards but this.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let error = |error: std::io::Error| format!("{}: {error}", to.display());
    if to.exists() {
        fs::remove_dir_all(to).map_err(error)?;
    }
    let parent = to.parent().expect("it lies in the folder of what is built");
    fs::create_dir_all(parent).map_err(error)?;
    require(program("cp").arg("-R").arg(from).arg(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_lies_beside_the_manifest_of_its_crate() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "rdkafka", "version": "0.39.0", "manifest_path": "/crates/rdkafka-0.39.0/Cargo.toml" },
            { "name": CRATE, "version": "4.10.0+2.12.1", "manifest_path": "/crates/sys/Cargo.toml" },
        ] });
        let found = find(&metadata).expect("it is named");
        assert_eq!(found.0, Path::new("/crates/sys/librdkafka"));
        assert_eq!(found.1, "2.12.1");
        assert_eq!(find(&serde_json::json!({ "packages": [] })), None);
    }
}
