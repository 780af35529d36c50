//! What is configured: `tamis.toml` files, environment variables and flags, in this order.
//!
//! ```toml
//! [performance]
//! max_worker_threads = 4
//! buffer_size = "256KB"
//! compression = "zstd:3"
//! ```
//!
//! A setting may be given in four places, and the later one counts, setting by setting:
//!
//! 1. the user's file, `$XDG_CONFIG_HOME/tamis/tamis.toml` or else `~/.config/tamis/tamis.toml`;
//! 2. the nearest `tamis.toml` in the current folder or above it, the project's;
//! 3. environment variables: `TAMIS_` and the key in capitals, such as `TAMIS_BUFFER_SIZE`, or `TAMIS_SERVE_` and it;
//! 4. flags, such as `--threads`.
//!
//! What is misspelt is an error, because a setting that is silently without effect costs more time than one that is
//! refused. Only variables are an exception: others may begin with `TAMIS_` too, and be somebody else's.
//!
//! `files` finds and reads files, `document` makes settings of their text, `settings` is the table of all settings and
//! judges values, `performance` and `serve` have the results. `tamis store` takes the one and `tamis serve` the other; the other verbs
//! take flags alone.

mod document;
mod files;
mod performance;
pub(crate) mod serve;
mod settings;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::Path;

use tamis_contract::diagnostic::ContractText;

pub(crate) use performance::{Compression, Performance};
pub(crate) use serve::Serve;
use settings::Table;

use crate::args::Globals;
use crate::{Error, Result, diagnostics};

/// What files and environment variables say; flags come last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    performance: Performance,
    serve: Serve,
}

impl Config {
    /// Reads all that concerns a program that was started in `current_folder`, an absolute path.
    ///
    /// `environment` gives the value of a variable: `std::env::var_os`, but for tests.
    ///
    /// # Errors
    /// - [`Error::Configuration`] for a file that cannot be used;
    /// - [`Error::Read`] for a file that exists and cannot be read;
    /// - [`Error::Usage`] for a variable with a wrong value.
    pub(crate) fn load(
        current_folder: &Path,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self> {
        let mut config = Self::default();
        let of_user = files::of_user(&environment)?;
        let nearest = files::nearest(current_folder)?;
        for found in of_user.into_iter().chain(nearest) {
            config.add_file(found.text()?)?;
        }
        config.add_environment(environment)?;
        Ok(config)
    }

    /// The same, of a process as it was started.
    pub(crate) fn of_process() -> Result<Self> {
        let current = std::env::current_dir().map_err(|source| Error::Read {
            path: ".".into(),
            source,
        })?;
        Self::load(&current, |name| std::env::var_os(name))
    }

    /// The settings of the broker, without what its own flags say.
    #[cfg_attr(
        not(feature = "broker"),
        expect(dead_code, reason = "a build without the broker serves nobody")
    )]
    pub(crate) fn serve(&self, globals: &Globals) -> Serve {
        let mut serve = self.serve.clone();
        if let Some(threads) = globals.typed_threads() {
            serve.threads = threads.get();
        }
        if let Some(memory) = globals.memory {
            serve.memory = memory;
        }
        serve
    }

    /// The settings, with what the flags say.
    pub(crate) fn performance(&self, globals: &Globals) -> Performance {
        let mut performance = self.performance.clone();
        if let Some(threads) = globals.typed_threads() {
            performance.max_worker_threads = threads.get();
        }
        if let Some(memory) = globals.memory {
            performance.max_memory_usage = memory;
        }
        performance
    }

    fn add_file(&mut self, text: ContractText) -> Result<()> {
        let findings = document::read(&text.text, self);
        match findings.is_empty() {
            true => Ok(()),
            false => Err(files::refused(text, findings)),
        }
    }

    fn add_environment(&mut self, environment: impl Fn(&str) -> Option<OsString>) -> Result<()> {
        add_variables(&mut self.performance, &environment)?;
        add_variables(&mut self.serve, &environment)
    }
}

fn add_variables<T: Table>(
    to: &mut T,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<()> {
    for setting in T::settings() {
        let name = setting.variable();
        // A variable that is set to nothing is how shells and CI systems take one back.
        let Some(value) = environment(&name).filter(|value| !value.is_empty()) else {
            continue;
        };
        // What is no text is no good value either, and shown as well as it can be.
        let set = setting.set_text(to, &value.to_string_lossy());
        set.map_err(|fault| Error::Usage {
            message: format!("the environment variable `{name}` {}", fault.message),
            hint: fault.help,
        })?;
    }
    Ok(())
}

/// Reads a text as a `tamis.toml`.
///
/// # Errors
/// All that is wrong with it, drawn with its lines, in colour.
pub fn check_text(text: &str) -> std::result::Result<(), String> {
    let findings = document::read(text, &mut Config::default());
    if findings.is_empty() {
        return Ok(());
    }
    let text = ContractText {
        name: files::FILE_NAME.to_owned(),
        text: text.to_owned(),
    };
    Err(diagnostics::render(&text, &findings))
}
