//! What is not in this build: whatever is asked of it, it says how to get one that has it.

use crate::Error;

/// There is no such thing in a build without a Cargo feature that is on by default.
pub(crate) fn error(message: String, feature: &str) -> Error {
    let hint = format!("build with the Cargo feature `{feature}`, which is on by default");
    Error::Usage {
        message,
        hint: Some(hint),
    }
}

/// The options and the `run` of a verb that is not in this build.
macro_rules! verb {
    ($about:literal, $message:literal, $feature:literal) => {
        #[doc = $about]
        #[derive(Debug, clap::Args)]
        #[command(disable_help_flag = true)]
        pub(crate) struct Options {
            /// Whatever was asked for
            #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
            _rest: Vec<std::ffi::OsString>,
        }

        pub(crate) fn run(
            _options: &Options,
            _context: &crate::Context<'_>,
        ) -> crate::Result<crate::Exit> {
            Err(crate::absent::error($message.to_owned(), $feature))
        }
    };
}

pub(crate) use verb;
