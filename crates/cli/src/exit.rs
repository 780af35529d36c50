//! How a run ended, as the shell sees it.

use std::process::ExitCode;

/// The exit codes of every verb, a promise to scripts. A worse end is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// The work is done and the data is good.
    Good,
    /// The work is done and the data is bad.
    Bad,
    /// The command line, the contract or the configuration is wrong; nothing was done.
    Usage,
    /// Another process is at it; nothing was done, and trying again later will do.
    Locked,
    /// Something could not be read or written, or Tamis has a bug.
    Failure,
    /// Ctrl-C or a termination signal.
    Interrupted,
}

impl Exit {
    /// The code itself.
    pub fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Bad => 1,
            Self::Usage => 2,
            Self::Locked => 11,
            Self::Failure => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
