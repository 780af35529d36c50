//! Which inputs are searched, by ripgrep's rules: what is ignored, hidden or of another type is left out of folders.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;
use ignore::types::{Types, TypesBuilder};
use tamis_engine::source::ReadOptions;

use crate::{Error, Result};

/// Inputs to be searched.
#[derive(Debug)]
pub struct Inputs {
    pub(super) walk: WalkBuilder,
    /// The only input, if it is no folder.
    pub(super) single: Option<PathBuf>,
    /// Nothing was named, so that names do not start with the `./` that stands for it.
    pub(super) is_implied: bool,
    pub(super) order: Option<Order>,
    pub(super) read: ReadOptions,
}

/// An order of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By name.
    Path,
    /// The one modified longest ago first.
    Modified,
    /// The one read longest ago first.
    Accessed,
    /// The oldest first.
    Created,
}

/// What was named, and what of folders is left out.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Files, folders, `-` for standard input; nothing stands for the current folder.
    pub paths: Vec<PathBuf>,
    /// Files that match one of these, or none that starts with `!`.
    pub globs: Vec<String>,
    /// Files of these types ...
    pub types: Vec<String>,
    /// ... and not of these.
    pub types_not: Vec<String>,
    /// Hidden files as well.
    pub hidden: bool,
    /// Files that `.gitignore`, `.ignore` and their like leave out as well.
    pub ignored: bool,
    /// Folders and files behind links.
    pub follow: bool,
    /// Folders so deep in those named, and no deeper.
    pub max_depth: Option<usize>,
    /// The order of inputs; `None`: as they come.
    pub order: Option<Order>,
}

impl Selection {
    /// The inputs selected, read as `read` says.
    ///
    /// # Errors
    /// [`Error::Walk`] for a glob or a type that there is not.
    pub fn inputs(&self, read: ReadOptions) -> Result<Inputs> {
        let is_implied = self.paths.is_empty();
        let here = [PathBuf::from("./")];
        let paths = if is_implied { &here[..] } else { &self.paths };
        let mut walk = WalkBuilder::new(&paths[0]);
        for path in &paths[1..] {
            walk.add(path);
        }
        let walk_error = |source| Error::Walk { source };
        let mut globs = OverrideBuilder::new(".");
        for glob in &self.globs {
            globs.add(glob).map_err(walk_error)?;
        }
        walk.overrides(globs.build().map_err(walk_error)?)
            .types(self.file_types().map_err(walk_error)?)
            .hidden(!self.hidden)
            .follow_links(self.follow)
            .max_depth(self.max_depth)
            .skip_stdout(true);
        let uses_rules = !self.ignored;
        walk.parents(uses_rules)
            .ignore(uses_rules)
            .git_global(uses_rules)
            .git_ignore(uses_rules)
            .git_exclude(uses_rules);
        if uses_rules {
            walk.add_custom_ignore_filename(".rgignore");
        }
        Ok(Inputs {
            walk,
            single: self.single().map(Path::to_owned),
            is_implied,
            order: self.order,
            read,
        })
    }

    /// The only input, if it is no folder.
    pub fn single(&self) -> Option<&Path> {
        match &self.paths[..] {
            [path] if path.as_os_str() == "-" || !path.is_dir() => Some(path),
            _ => None,
        }
    }

    fn file_types(&self) -> std::result::Result<Types, ignore::Error> {
        let mut types = TypesBuilder::new();
        types.add_defaults();
        for name in &self.types {
            types.select(name);
        }
        for name in &self.types_not {
            types.negate(name);
        }
        types.build()
    }
}
