//! Files by number: a number costs less than a path, and paths are put together when somebody wants to see one.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tamis_engine::stamp::Stamp;

/// The number of a file in its [`Tree`]; numbers follow the order of the paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A file, as the file system described it.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its state when the folder was read.
    pub stamp: Stamp,
    /// How many names it has, here and elsewhere.
    pub links: u64,
    folder: u32,
    name_len: u16,
    name_start: u64,
}

/// All files that were found.
#[derive(Debug, Default)]
pub struct Tree {
    files: Vec<File>,
    /// The names of all files, one behind the other.
    names: Vec<u8>,
    folders: Vec<(PathBuf, u32)>,
    /// Folders and files that could not be looked at.
    pub failures: Vec<(PathBuf, io::Error)>,
    /// What was neither a regular file nor a folder: links, devices, pipes and sockets.
    pub others: u64,
}

impl Tree {
    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The numbers of all files, in order.
    pub fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..self.files.len() as u32).map(FileId)
    }

    /// What is known of a file.
    pub fn file(&self, id: FileId) -> &File {
        &self.files[id.0 as usize]
    }

    /// Where a file is.
    pub fn path(&self, id: FileId) -> PathBuf {
        self.folder(id).join(self.name(id))
    }

    /// What a file is called in its folder.
    pub fn name(&self, id: FileId) -> &OsStr {
        let file = self.file(id);
        let start = file.name_start as usize;
        OsStr::from_bytes(&self.names[start..start + usize::from(file.name_len)])
    }

    /// The folder that a file is in; empty if it was named without one.
    pub fn folder(&self, id: FileId) -> &Path {
        &self.folders[self.file(id).folder as usize].0
    }

    /// Which of the roots a file was found below.
    pub fn root(&self, id: FileId) -> usize {
        self.folders[self.file(id).folder as usize].1 as usize
    }

    pub(super) fn add_folder(&mut self, path: PathBuf, root: u32) -> u32 {
        self.folders.push((path, root));
        self.folders.len() as u32 - 1
    }

    pub(super) fn add_file(&mut self, folder: u32, name: &[u8], stamp: Stamp, links: u64) {
        self.files.push(File {
            stamp,
            links,
            folder,
            // NAME_MAX is 255.
            name_len: name.len() as u16,
            name_start: self.names.len() as u64,
        });
        self.names.extend_from_slice(name);
    }

    /// Gives the files their order: by roots, then by folders' paths, then by names.
    pub(super) fn sort(&mut self) {
        let mut order: Vec<u32> = (0..self.folders.len() as u32).collect();
        order.sort_by_key(|&folder| {
            let (path, root) = &self.folders[folder as usize];
            (*root, path.as_os_str().as_bytes())
        });
        let mut ranks = vec![0; order.len()];
        for (rank, &folder) in order.iter().enumerate() {
            ranks[folder as usize] = rank;
        }
        let names = &self.names;
        let name = |file: &File| {
            let start = file.name_start as usize;
            &names[start..start + usize::from(file.name_len)]
        };
        self.files.sort_unstable_by(|one, other| {
            let rank = |file: &File| ranks[file.folder as usize];
            rank(one)
                .cmp(&rank(other))
                .then_with(|| name(one).cmp(name(other)))
        });
        self.failures.sort_by(|(one, _), (other, _)| one.cmp(other));
    }
}
