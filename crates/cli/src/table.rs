//! Inputs as one table: the options that the computing verbs share.

use std::path::PathBuf;

use clap::Args;
use tamis_engine::control::Progress;
use tamis_engine::source::Source;
use tamis_process::lists;
use tamis_process::table::TableOptions;

use crate::inputs::{self, InputOptions};
use crate::{Context, Error, Result};

/// What is read, and as what.
#[derive(Clone, Debug, Args)]
pub(crate) struct TableArgs {
    /// Files, folders (their data files, sorted), `-` for standard input; several are one table
    #[arg(value_name = "INPUT", default_value = "-")]
    pub(crate) inputs: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) options: TypeArgs,
}

/// How the records are read.
#[derive(Clone, Debug, Args)]
pub(crate) struct TypeArgs {
    /// The types of columns, where they are not to be found out: boolean, integer, number, text, date, time, timestamp
    #[arg(long, value_name = "COLUMN:TYPE,...")]
    types: Vec<String>,

    /// Leave out records that cannot be split into fields, and say how many
    #[arg(long)]
    skip_malformed: bool,

    #[command(flatten)]
    pub(crate) input: InputOptions,
}

impl TableArgs {
    /// The sources of the table.
    pub(crate) fn sources(&self, context: &Context<'_>) -> Result<Vec<Box<dyn Source>>> {
        self.options.sources(&self.inputs, context)
    }
}

impl TypeArgs {
    /// The sources behind `names`.
    pub(crate) fn sources(
        &self,
        names: &[PathBuf],
        context: &Context<'_>,
    ) -> Result<Vec<Box<dyn Source>>> {
        let stdin = names.iter().filter(|path| path.as_os_str() == "-");
        if stdin.count() > 1 {
            return Err(Error::Usage {
                message: "standard input can be read once only".to_owned(),
                hint: None,
            });
        }
        self.input.sources(names, context.globals, context.cancel)
    }

    /// All types that are declared, as one list.
    fn type_list(&self) -> Option<String> {
        (!self.types.is_empty()).then(|| self.types.join(", "))
    }

    /// The error, with its place if it is that no column has a name of which a type is declared.
    pub(crate) fn located(&self, error: tamis_process::Error) -> tamis_process::Error {
        match self.type_list() {
            Some(list) => lists::located(&list, error),
            None => error,
        }
    }

    /// What they mean to a table.
    pub(crate) fn table_options(
        &self,
        context: &Context<'_>,
        progress: &Progress,
    ) -> Result<TableOptions> {
        let types = match self.type_list() {
            Some(list) => lists::types(&list)?,
            None => Vec::new(),
        };
        Ok(TableOptions {
            threads: context.globals.thread_count().get(),
            chunk_bytes: InputOptions::bytes(self.input.chunk_size),
            record_bytes_max: InputOptions::bytes(self.input.max_record),
            kernel: inputs::kernel(context.globals)?,
            format: self.input.format(),
            messages: self.input.messages()?,
            csv: self.input.csv(),
            types,
            skips_malformed: self.skip_malformed,
            cancel: context.cancel.clone(),
            progress: progress.clone(),
        })
    }
}
