//! Why a cluster could not do what was asked.

use std::io;
use std::path::PathBuf;

use tamis_engine::names;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked for cannot be.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// The way out, in the words of the command line.
        hint: Option<String>,
    },
    /// A file of properties could not be read.
    #[error("cannot read `{}`", names::show(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The cluster could not be reached, or did not do what was asked.
    #[error("{message}")]
    Cluster {
        /// What could not be done, and why.
        message: String,
        /// The way out, in the words of the command line.
        hint: Option<String>,
        /// Who can do something about it.
        kind: Kind,
    },
    /// The run was cancelled.
    #[error(transparent)]
    Engine(#[from] tamis_engine::Error),
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was sent or read is at fault.
    Data,
    /// What was asked for cannot be.
    Usage,
    /// Somebody else is in the way, and goes away.
    Locked,
    /// Something could not be reached, read or written.
    Failure,
}

impl Error {
    /// What to do about it, if anybody knows.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Usage { hint, .. } | Self::Cluster { hint, .. } => hint.as_deref(),
            _ => None,
        }
    }
}
