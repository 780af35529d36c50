//! `tamis topic`, `produce`, `consume` and `consumer-group` in a build without a client for Kafka: say how to get one.

/// A verb that is not in this build.
macro_rules! absent {
    ($verb:ident, $about:literal) => {
        pub(crate) mod $verb {
            use std::ffi::OsString;

            use clap::Args;

            use crate::{Context, Error, Exit, Result};

            #[doc = $about]
            #[derive(Debug, Args)]
            #[command(disable_help_flag = true)]
            pub(crate) struct Options {
                /// Whatever was asked for
                #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
                _rest: Vec<OsString>,
            }

            pub(crate) fn run(_options: &Options, _context: &Context<'_>) -> Result<Exit> {
                Err(Error::Usage {
                    message: "this build has no client for Kafka".to_owned(),
                    hint: Some(
                        "build with the Cargo feature `kafka-client`, which is on by default"
                            .to_owned(),
                    ),
                })
            }
        }
    };
}

absent!(consume, "Read records of topics (not in this build)");
absent!(
    consumer_group,
    "Look after groups of consumers (not in this build)"
);
absent!(produce, "Write records into a topic (not in this build)");
absent!(topic, "Look after topics (not in this build)");
