//! Why a command could not do its work, and the exit code that follows.
//!
//! Bad data is no error: it is a result, and the verb returns [`Exit::Bad`] itself.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use tamis_contract::check::CheckError;
use tamis_engine::Error as Engine;
use tamis_engine::names;

use crate::{Exit, topics};

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
    #[error("cannot read `{}`", names::show(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is done with could not be removed.
    #[error("cannot remove `{}`", names::show(path))]
    Remove {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A process that was started for a part of the work has failed, and said why.
    #[error("a step failed")]
    Step {
        /// How it ended.
        exit: Exit,
    },
    /// A contract cannot be used.
    #[error(transparent)]
    Contract(#[from] tamis_contract::diagnostic::ContractError),
    /// A configuration file cannot be used. What is said of it has the form of what is said of contracts.
    #[error(transparent)]
    Configuration(tamis_contract::diagnostic::ContractError),
    /// A check could not be made.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The engine could not go on.
    #[error(transparent)]
    Engine(#[from] tamis_engine::Error),
    /// Data could not be made or described.
    #[error(transparent)]
    Process(#[from] tamis_process::Error),
    /// Text or files could not be read, searched or written.
    #[error(transparent)]
    Scan(#[from] tamis_scan::Error),
    /// A store could not do what was asked.
    #[error(transparent)]
    Store(#[from] tamis_store::Error),
    /// A cluster of Kafka could not be reached, or did not do what was asked.
    #[error("{message}")]
    Cluster {
        /// What could not be done, and why.
        message: String,
        /// The way out.
        hint: Option<String>,
        /// The exit code.
        exit: Exit,
    },
    /// A broker could not start, or not end in order.
    #[error("{source}")]
    Serve {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// The way out.
        hint: Option<&'static str>,
        /// The exit code.
        exit: Exit,
    },
}

impl Error {
    /// What to do about it, if anybody knows.
    pub(crate) fn hint(&self) -> Option<&str> {
        match self {
            Self::Usage { hint, .. } | Self::Cluster { hint, .. } => hint.as_deref(),
            Self::Serve { hint, .. } => *hint,
            Self::Check(CheckError::Unchecked { .. }) => {
                Some("`--allow-unchecked` checks the other rules and lists these in the report")
            }
            Self::Process(tamis_process::Error::TooManyColumns { .. }) => Some(
                "`tamis select INPUT --columns ...` writes the columns that matter, and a contract can be inferred from those",
            ),
            Self::Scan(tamis_scan::Error::LogFormat { .. }) => Some(
                "`--log-format` names the format, `--pattern '{time} {level} {message}'` describes any other",
            ),
            Self::Store(error) => hint_of_store(error),
            other => topics::hint(other.engine()?),
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        use tamis_process::Error as Process;
        use tamis_scan::Error as Scan;
        if let Some(exit) = self.engine().and_then(topics::exit) {
            return exit;
        }
        match (self, self.engine()) {
            (_, Some(Engine::Interrupted)) => Exit::Interrupted,
            // Whoever read our output has seen enough, as `head` does.
            (_, Some(Engine::ClosedPipe { .. })) => Exit::Good,
            (Self::Usage { .. } | Self::Contract(_) | Self::Configuration(_), _) => Exit::Usage,
            (Self::Scan(tamis_scan::Error::Pattern { .. }), _) => Exit::Usage,
            (Self::Step { exit } | Self::Serve { exit, .. } | Self::Cluster { exit, .. }, _) => {
                *exit
            }
            (Self::Store(error), _) => exit_of_store(error),
            (
                Self::Scan(
                    tamis_scan::Error::LogFormat { .. } | tamis_scan::Error::LogField { .. },
                ),
                _,
            ) => Exit::Usage,
            (Self::Check(CheckError::Engine(_)), _) => Exit::Failure,
            (Self::Check(_), _) => Exit::Usage,
            (
                Self::Process(
                    Process::TooManyRows { .. } | Process::BadRate { .. } | Process::Format { .. },
                ),
                _,
            ) => Exit::Usage,
            (
                Self::Process(
                    Process::UnknownColumn { .. }
                    | Process::TooManyColumns { .. }
                    | Process::TextsTooLarge { .. }
                    | Process::Expression { .. }
                    | Process::Rate { .. }
                    | Process::LateKeys { .. }
                    | Process::NotUniform { .. }
                    | Process::OtherColumns { .. }
                    | Process::OtherFormat { .. }
                    | Process::SameName { .. }
                    | Process::Unwritable { .. },
                ),
                _,
            ) => Exit::Usage,
            (Self::Scan(Scan::Glob { .. } | Scan::NoCache { .. }), _) => Exit::Usage,
            (Self::Scan(Scan::Level { .. } | Scan::BlockSize { .. }), _) => Exit::Usage,
            // What was read is not what it should be: the data is at fault.
            (
                Self::Process(
                    Process::TooManyKeys { .. }
                    | Process::Misfit { .. }
                    | Process::Malformed { .. },
                ),
                _,
            ) => Exit::Bad,
            (Self::Scan(Scan::NotPacked { .. } | Scan::Damaged { .. }), _) => Exit::Bad,
            _ => Exit::Failure,
        }
    }

    /// The exit code where archives are the data, and not what data come in.
    pub(crate) fn exit_of_archive(&self) -> Exit {
        match self.engine() {
            Some(Engine::Corrupt { .. } | Engine::Expansion { .. }) => Exit::Bad,
            _ => self.exit(),
        }
    }

    /// Whether there is nothing to say, because nobody listens or the user knows.
    pub(crate) fn is_silent(&self) -> bool {
        let is_known = matches!(
            self.engine(),
            Some(Engine::Interrupted | Engine::ClosedPipe { .. })
        );
        is_known || matches!(self, Self::Step { .. })
    }

    /// The error and its causes on one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let message = error.to_string();
            // Some messages end in their cause already.
            if !text.ends_with(&message) {
                text.push_str(": ");
                text.push_str(&message);
            }
            cause = error.source();
        }
        text
    }

    /// The engine's error, whichever crate passed it on.
    fn engine(&self) -> Option<&Engine> {
        match self {
            Self::Engine(error)
            | Self::Check(CheckError::Engine(error))
            | Self::Process(tamis_process::Error::Engine(error))
            | Self::Scan(tamis_scan::Error::Engine(error))
            | Self::Store(tamis_store::Error::Engine(error)) => Some(error),
            _ => None,
        }
    }
}

fn exit_of_store(error: &tamis_store::Error) -> Exit {
    use tamis_store::Error as Store;
    match error {
        Store::Damaged { .. } | Store::BadObject { .. } | Store::Missing { .. } => Exit::Bad,
        Store::NoStore { .. }
        | Store::Exists { .. }
        | Store::Usage { .. }
        | Store::Revision { .. }
        | Store::NoPath { .. } => Exit::Usage,
        Store::Locked { .. } => Exit::Locked,
        _ => Exit::Failure,
    }
}

fn hint_of_store(error: &tamis_store::Error) -> Option<&'static str> {
    use tamis_store::{Error as Store, refs};
    Some(match error {
        Store::NoStore { .. } => {
            "`tamis store init` makes one here, `--store DIR` names one elsewhere"
        }
        // Where the branch is asked for there is no commit at all.
        Store::Revision { name, .. } if ![refs::HEAD, refs::BRANCH].contains(&name.as_str()) => {
            "`tamis store log` lists the commits, `tamis store tag` their names"
        }
        Store::NoPath { .. } => "`tamis store ls -R REF` lists what a commit has",
        Store::Locked { .. } => "try again when it is done",
        error if error.is_disk_full() => {
            "nothing that was stored before is lost; free some space, and run it again"
        }
        Store::Moved { .. } => "run it again to go on from there",
        Store::LostCommit { .. } => {
            "`tamis store repair` in that store puts it right, or notes that it is gone and history ends there"
        }
        // Nothing else can be looked at without it.
        Store::Damaged { path, .. } if path.ends_with("format") => {
            "`tamis store repair` makes it again"
        }
        Store::Damaged { .. } | Store::BadObject { .. } | Store::Missing { .. } => {
            "`tamis store verify` finds all that is damaged, `tamis store repair` mends what it can"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_quiet_and_a_full_disk_is_not() {
        let output = || "tx.csv".to_owned();
        let closed = Error::from(tamis_process::Error::from(Engine::ClosedPipe {
            output: output(),
        }));
        assert_eq!((closed.exit(), closed.is_silent()), (Exit::Good, true));
        let source = io::ErrorKind::StorageFull.into();
        let full = Error::from(Engine::Write {
            output: output(),
            source,
        });
        assert_eq!((full.exit(), full.is_silent()), (Exit::Failure, false));
        assert_eq!(full.chain(), "cannot write `tx.csv`: no storage space");
    }

    #[test]
    fn usage_and_interrupts_have_their_codes() {
        let usage = Error::Usage {
            message: "no".to_owned(),
            hint: None,
        };
        assert_eq!(usage.exit(), Exit::Usage);
        assert_eq!(
            Error::from(tamis_process::Error::BadRate { rate: 2.0 }).exit(),
            Exit::Usage
        );
        assert_eq!(Error::from(Engine::Interrupted).exit(), Exit::Interrupted);
    }

    #[test]
    fn a_store_says_how_it_ended() {
        use tamis_store::Error as Store;
        let path = PathBuf::from("/drops/.tamis");
        let locked = Error::from(Store::Locked {
            path: path.clone(),
            doing: "is collecting garbage",
        });
        assert_eq!(
            (locked.exit(), locked.exit().code()),
            (Exit::Locked, 11),
            "a promise to scripts"
        );
        let none = Error::from(Store::NoStore { path: path.clone() });
        assert_eq!(none.exit(), Exit::Usage);
        assert!(none.hint().is_some_and(|hint| hint.contains("store init")));
        let damaged = Error::from(Store::Damaged {
            path,
            byte_offset: 0,
            detail: "its checksum is wrong".to_owned(),
        });
        assert_eq!(damaged.exit(), Exit::Bad);
        let cancelled = Error::from(Store::from(Engine::Interrupted));
        assert_eq!(
            (cancelled.exit(), cancelled.is_silent()),
            (Exit::Interrupted, true)
        );
    }
}
