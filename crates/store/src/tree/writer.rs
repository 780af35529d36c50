//! A whole tree, written from its paths in order.
//!
//! Only the folders that are open are in memory: those above the newest path, and of each one node a level. A folder is
//! written when the first path behind it comes.

use crate::Result;
use crate::entry::{Content, Entry};
use crate::path::{DEPTH_MAX, flaw_of_path};

use super::folder::refused;
use super::{FolderWriter, NodeRef, NodeSink, Totals};

/// Writes a tree from paths in its order.
///
/// That is the order of paths as if `/` came before every other byte: a folder, then all that is in it, then the next
/// name. A folder that no path stands for gets mode 0o755 and is as old as 1970.
pub(crate) struct TreeWriter {
    root: FolderWriter,
    /// The folders above the newest path, outermost first.
    open: Vec<OpenFolder>,
}

struct OpenFolder {
    name: Vec<u8>,
    entry: Entry,
    writer: FolderWriter,
}

impl Default for TreeWriter {
    fn default() -> TreeWriter {
        TreeWriter::new()
    }
}

impl TreeWriter {
    /// An empty tree.
    pub(crate) fn new() -> TreeWriter {
        TreeWriter {
            root: FolderWriter::new(),
            open: Vec::new(),
        }
    }

    /// Appends what is at a path; `link_to` is the first name of a file that has several.
    ///
    /// # Errors
    /// As [`FolderWriter::push_entry`]; also if something is below what is no folder, or more than [`DEPTH_MAX`] folders deep.
    pub(crate) fn push(
        &mut self,
        path: &[u8],
        entry: &Entry,
        link_to: Option<&[u8]>,
        sink: &mut dyn NodeSink,
    ) -> Result<()> {
        let name = self.enter_parent(path, sink)?;
        match entry.content {
            Content::Folder if link_to.is_none() => self.open_folder(name, entry.clone()),
            _ => self
                .innermost()
                .push_entry(name, entry, None, link_to, sink),
        }
    }

    /// Appends a folder that was written before, with all that is in it: nothing below is pushed.
    ///
    /// # Errors
    /// As [`TreeWriter::push`].
    pub(crate) fn push_written(
        &mut self,
        path: &[u8],
        entry: &Entry,
        folder: (NodeRef, Totals),
        sink: &mut dyn NodeSink,
    ) -> Result<()> {
        let name = self.enter_parent(path, sink)?;
        self.innermost()
            .push_entry(name, entry, Some(&folder), None, sink)
    }

    /// Writes what is not written yet, and tells where the root begins and what is in it.
    ///
    /// # Errors
    /// Whatever keeps the sink from writing.
    pub(crate) fn finish(mut self, sink: &mut dyn NodeSink) -> Result<(NodeRef, Totals)> {
        self.close_to(0, sink)?;
        self.root.finish(sink)
    }

    /// Closes the folders that `path` is not in, opens those that it is in, and tells its last name.
    fn enter_parent<'p>(&mut self, path: &'p [u8], sink: &mut dyn NodeSink) -> Result<&'p [u8]> {
        if let Some(detail) = flaw_of_path(path) {
            return Err(refused(path, detail));
        }
        let mut names = path.split(|&byte| byte == b'/');
        let last = names.next_back().unwrap_or_default();
        let shared = self
            .open
            .iter()
            .zip(names.clone())
            .take_while(|(folder, name)| folder.name == *name)
            .count();
        self.close_to(shared, sink)?;
        for name in names.skip(shared) {
            self.open_folder(name, unknown_folder())?;
        }
        Ok(last)
    }

    fn open_folder(&mut self, name: &[u8], entry: Entry) -> Result<()> {
        if self.open.len() >= DEPTH_MAX {
            return Err(refused(name, "folders are nested too deeply"));
        }
        self.innermost().check_order(name)?;
        self.open.push(OpenFolder {
            name: name.to_vec(),
            entry,
            writer: FolderWriter::new(),
        });
        Ok(())
    }

    /// Writes all but the `depth` outermost of the open folders.
    fn close_to(&mut self, depth: usize, sink: &mut dyn NodeSink) -> Result<()> {
        while self.open.len() > depth
            && let Some(folder) = self.open.pop()
        {
            let written = folder.writer.finish(sink)?;
            self.innermost()
                .push_entry(&folder.name, &folder.entry, Some(&written), None, sink)?;
        }
        Ok(())
    }

    fn innermost(&mut self) -> &mut FolderWriter {
        match self.open.last_mut() {
            Some(folder) => &mut folder.writer,
            None => &mut self.root,
        }
    }
}

fn unknown_folder() -> Entry {
    Entry {
        mode: 0o755,
        modified_ns: 0,
        attributes: Vec::new(),
        content: Content::Folder,
    }
}
