//! Which inputs are searched, by ripgrep's rules: what is ignored, hidden or of another type is left out of folders.

use std::path::{Path, PathBuf};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::types::{Types, TypesBuilder};
use ignore::{Match, WalkBuilder};
use tamis_engine::source::ReadOptions;

use crate::{Error, Result};

/// Inputs to be searched.
#[derive(Debug)]
pub struct Inputs {
    /// `None`: there are only those that are given in another way.
    pub(super) walk: Option<WalkBuilder>,
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
    /// Files, folders, `-` for standard input; nothing stands for the current folder, unless others are given.
    pub paths: Vec<PathBuf>,
    /// There are inputs that are no files of a file system.
    pub has_given: bool,
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
        let is_implied = self.paths.is_empty() && !self.has_given;
        let walk = match (&self.paths[..], is_implied) {
            (_, true) => Some(WalkBuilder::new("./")),
            ([], false) => None,
            ([first, others @ ..], false) => {
                let mut walk = WalkBuilder::new(first);
                for path in others {
                    walk.add(path);
                }
                Some(walk)
            }
        };
        Ok(Inputs {
            walk: walk.map(|it| self.ruled(it)).transpose()?,
            single: self.single().map(Path::to_owned),
            is_implied,
            order: self.order,
            read,
        })
    }

    /// The walk by the rules of what is left out.
    fn ruled(&self, mut walk: WalkBuilder) -> Result<WalkBuilder> {
        walk.overrides(self.overrides()?)
            .types(self.file_types()?)
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
        Ok(walk)
    }

    /// The rules for folders that are no folders of a file system: all but those of files such as `.gitignore`.
    ///
    /// # Errors
    /// As [`inputs`](Self::inputs).
    pub fn filter(&self) -> Result<Filter> {
        Ok(Filter {
            globs: self.overrides()?,
            types: self.file_types()?,
            hidden: self.hidden,
            max_depth: self.max_depth,
        })
    }

    fn overrides(&self) -> Result<Override> {
        let mut globs = OverrideBuilder::new(".");
        for glob in &self.globs {
            globs.add(glob).map_err(walk_error)?;
        }
        globs.build().map_err(walk_error)
    }

    /// The only input, if it is no folder.
    pub fn single(&self) -> Option<&Path> {
        match &self.paths[..] {
            [path] if path.as_os_str() == "-" || !path.is_dir() => Some(path),
            _ => None,
        }
    }

    fn file_types(&self) -> Result<Types> {
        let mut types = TypesBuilder::new();
        types.add_defaults();
        for name in &self.types {
            types.select(name);
        }
        for name in &self.types_not {
            types.negate(name);
        }
        types.build().map_err(walk_error)
    }
}

fn walk_error(source: ignore::Error) -> Error {
    Error::Walk { source }
}

/// What is left out of folders. See [`Selection::filter`].
#[derive(Clone, Debug)]
pub struct Filter {
    globs: Override,
    types: Types,
    hidden: bool,
    max_depth: Option<usize>,
}

impl Filter {
    /// Whether a file is searched, or a folder gone into, that is at `path` and `depth` folders below the one that was named.
    pub fn takes(&self, path: &Path, depth: usize, is_folder: bool) -> bool {
        // What is in a folder is one deeper.
        let depth = depth + usize::from(is_folder);
        if self.max_depth.is_some_and(|max| depth > max) {
            return false;
        }
        match (
            self.globs.matched(path, is_folder),
            self.types.matched(path, is_folder),
        ) {
            (Match::Whitelist(_), _) => true,
            (Match::Ignore(_), _) | (Match::None, Match::Ignore(_)) => false,
            (Match::None, Match::Whitelist(_)) => true,
            (Match::None, Match::None) => self.hidden || !is_hidden(path),
        }
    }
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name();
    name.is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(selection: Selection, path: &str, depth: usize, is_folder: bool) -> bool {
        let filter = selection.filter().expect("it can be read");
        filter.takes(Path::new(path), depth, is_folder)
    }

    #[test]
    fn folders_elsewhere_have_the_rules_of_folders_here() {
        let plain = Selection::default;
        assert!(takes(plain(), "a/b.rs", 2, false));
        assert!(!takes(plain(), "a/.b", 2, false) && !takes(plain(), ".git", 1, true));
        let hidden = || Selection {
            hidden: true,
            ..plain()
        };
        assert!(takes(hidden(), "a/.b", 2, false));
        let globs = |glob: &str| Selection {
            globs: vec![glob.to_owned()],
            ..plain()
        };
        assert!(takes(globs("*.rs"), "a/b.rs", 2, false));
        assert!(!takes(globs("*.rs"), "a/b.c", 2, false) && takes(globs("*.rs"), "a", 1, true));
        assert!(!takes(globs("!a"), "a", 1, true) && takes(globs("!a"), "b", 1, false));
        let rust = || Selection {
            types: vec!["rust".to_owned()],
            ..plain()
        };
        assert!(takes(rust(), "b.rs", 1, false) && !takes(rust(), "b.c", 1, false));
        let flat = || Selection {
            max_depth: Some(1),
            ..plain()
        };
        assert!(takes(flat(), "b.rs", 1, false) && !takes(flat(), "a", 1, true));
        assert!(globs("{").filter().is_err());
    }
}
