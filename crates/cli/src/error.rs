//! Why a command could not do its work, and the exit code that follows.
//!
//! Bad data is no error: it is a result, and the verb returns [`Exit::Bad`] itself.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use crate::Exit;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line asks for something that cannot be.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// The way out.
        hint: Option<String>,
    },
    /// A file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file, or `-` for standard output.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The engine could not go on.
    #[error(transparent)]
    Engine(#[from] tamis_engine::Error),
    /// Data could not be made or described.
    #[error(transparent)]
    Process(#[from] tamis_process::Error),
}

impl Error {
    /// What to do about it, if anybody knows.
    pub(crate) fn hint(&self) -> Option<&str> {
        match self {
            Self::Usage { hint, .. } => hint.as_deref(),
            _ => None,
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        use tamis_process::Error as Process;
        match self {
            Self::Usage { .. } => Exit::Usage,
            Self::Engine(tamis_engine::Error::Interrupted) => Exit::Interrupted,
            Self::Process(Process::TooManyRows { .. } | Process::BadRate { .. }) => Exit::Usage,
            Self::Process(Process::Cancelled) => Exit::Interrupted,
            // Whoever read our output has seen enough, as `head` does.
            _ if self.is_closed_pipe() => Exit::Good,
            _ => Exit::Failure,
        }
    }

    /// Whether there is nothing to say, because nobody listens or the user knows.
    pub(crate) fn is_silent(&self) -> bool {
        self.is_closed_pipe() || self.exit() == Exit::Interrupted
    }

    /// The error and its causes on one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    fn is_closed_pipe(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
            {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_error(kind: io::ErrorKind) -> Error {
        Error::Process(tamis_process::Error::Write(kind.into()))
    }

    #[test]
    fn a_closed_pipe_is_quiet_and_a_full_disk_is_not() {
        let closed = write_error(io::ErrorKind::BrokenPipe);
        assert_eq!((closed.exit(), closed.is_silent()), (Exit::Good, true));
        let full = write_error(io::ErrorKind::StorageFull);
        assert_eq!((full.exit(), full.is_silent()), (Exit::Failure, false));
        assert_eq!(full.chain(), "cannot write the output: no storage space");
    }

    #[test]
    fn usage_errors_exit_with_2() {
        let usage = Error::Usage {
            message: "no".to_owned(),
            hint: None,
        };
        assert_eq!(usage.exit(), Exit::Usage);
        assert_eq!(
            Error::from(tamis_process::Error::BadRate { rate: 2.0 }).exit(),
            Exit::Usage
        );
        assert_eq!(
            Error::from(tamis_process::Error::Cancelled).exit(),
            Exit::Interrupted
        );
    }
}
