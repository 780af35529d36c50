//! What is counted, by the names on a command line or in a list.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tamis_engine::source::{FileSource, ReadOptions, StdinSource};

use super::Input;
use crate::walk::{WalkOptions, walk};
use crate::{Error, Result};

/// The inputs behind `names`: files, all files in folders and those below, `-` for standard input. What is in the way of one
/// of them, and of no other, goes to `failed`.
///
/// # Errors
/// [`Interrupted`](tamis_engine::Error::Interrupted) once cancelled.
pub fn inputs(
    names: &[PathBuf],
    read: &ReadOptions,
    options: &WalkOptions,
    failed: &mut dyn FnMut(Error),
) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for name in names {
        if name.as_os_str() == "-" {
            inputs.push(Input {
                name: name.clone(),
                source: Box::new(StdinSource::new(read.clone())),
                len_bytes: None,
            });
            continue;
        }
        let metadata = fs::metadata(name).ok();
        if metadata.as_ref().is_some_and(fs::Metadata::is_dir) {
            let tree = walk(std::slice::from_ref(name), options, |_| true)?;
            inputs.extend(tree.ids().map(|id| {
                let len_bytes = tree.file(id).stamp.len_bytes;
                file(&tree.path(id), Some(len_bytes), read)
            }));
            for (path, source) in tree.failures {
                failed(Error::Look { path, source });
            }
            continue;
        }
        let len_bytes = metadata.filter(fs::Metadata::is_file).map(|it| it.len());
        inputs.push(file(name, len_bytes, read));
    }
    Ok(inputs)
}

fn file(path: &Path, len_bytes: Option<u64>, read: &ReadOptions) -> Input {
    Input {
        name: path.to_owned(),
        source: Box::new(FileSource::new(path, read.clone())),
        len_bytes,
    }
}

/// The names in a list, each ended by a NUL; the last one need not be. What is no name goes to `failed`, with its number.
pub fn names(list: &[u8], failed: &mut dyn FnMut(usize)) -> Vec<PathBuf> {
    let list = list.strip_suffix(b"\0").unwrap_or(list);
    let mut names = Vec::new();
    if list.is_empty() {
        return names;
    }
    for (index, name) in list.split(|&byte| byte == 0).enumerate() {
        match name {
            b"" => failed(index + 1),
            name => names.push(OsStr::from_bytes(name).into()),
        }
    }
    names
}
