//! Sources of Linux as Debian packages them: trees of many small files.

use std::fs;
use std::path::{Path, PathBuf};

use super::process::data::folder;
use crate::Result;
use crate::command::{program, require};

/// The tree of a package, such as `linux-source-6.1`; fetched and unpacked if it is not there.
pub(super) fn tree(package: &str) -> Result<PathBuf> {
    let folder = folder()?.join("sources");
    let tree = folder.join(package);
    if tree.exists() {
        return Ok(tree);
    }
    let download = folder.join("download");
    create(&download)?;
    require(
        program("apt-get")
            .args(["download", "--quiet", package])
            .current_dir(&download),
    )?;
    let shell = format!(
        "dpkg-deb -x {package}_*.deb . && tar -xf usr/src/{package}.tar.xz && mv {package} .."
    );
    require(
        program("sh")
            .args(["-e", "-c", &shell])
            .current_dir(&download),
    )?;
    fs::remove_dir_all(&download).map_err(|error| failed(&download, &error))?;
    Ok(tree)
}

/// All regular files below `folder`, in the order of their names.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| failed(&folder, &error))? {
            let entry = entry.map_err(|error| failed(&folder, &error))?;
            let kind = entry.file_type().map_err(|error| failed(&folder, &error))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads files, and folders with all below: a system that reclaims memory has let go of what was not read for a while.
pub(super) fn warm<P: AsRef<Path>>(paths: &[P]) -> Result<()> {
    let mut read = program("grep");
    read.args(["-r", "-q", "-F", "no line has this, or the next one"]);
    read.args(paths.iter().map(AsRef::as_ref));
    let read = read.status();
    read.map(drop).map_err(|error| format!("grep: {error}"))
}

pub(super) fn len_bytes(path: &Path) -> Result<u64> {
    let metadata = fs::metadata(path).map_err(|error| failed(path, &error))?;
    Ok(metadata.len())
}

pub(super) fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))
}

pub(super) fn failed(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}
