//! Rows of a topic that is followed: written as they come, and committed behind that.

use std::path::{Path, PathBuf};
use std::time::Instant;

use tamis_engine::control::Progress;
use tamis_engine::pipeline::Flow;
use tamis_process::rows::{Query, RowFormat, follow_rows};

use super::{FormatArgs, refuse_replacing, tell};
use crate::table::TypeArgs;
use crate::{Context, Error, Exit, Result, output};

impl FormatArgs {
    /// Writes the rows that `query` asks for to `path`, until somebody stops it.
    pub(super) fn follow(
        &self,
        (inputs, path): (&[PathBuf], &Path),
        options: &TypeArgs,
        query: Query,
        context: &Context<'_>,
    ) -> Result<Exit> {
        refuse_replacing(inputs, path)?;
        let query = Query {
            format: self.of_lines(path)?,
            ..query
        };
        let sources = options.sources(inputs, context)?;
        let [source] = sources.as_slice() else {
            unreachable!("one input is followed");
        };
        let sink = output::open_growing(path, context)?;
        let table_options = options.table_options(context, &Progress::new())?;
        let start = Instant::now();
        let mut committed = Ok(());
        let result = follow_rows(source.as_ref(), &table_options, &query, sink, |batch| {
            batch
                .notes
                .iter()
                .for_each(|note| context.printer.say(note));
            committed = context.globals.topics.written(batch.records);
            match committed {
                Ok(()) => Flow::Continue,
                Err(_) => Flow::Stop,
            }
        });
        committed?;
        let written = result.map_err(|error| options.located(error))?;
        let elapsed = start.elapsed();
        tell(&written, !output::is_stdout(path), elapsed, context);
        if context.globals.perf {
            let performance = written.scanned.performance(&table_options, elapsed);
            context
                .printer
                .performance(&performance, written.scanned.rows);
        }
        Ok(Exit::Good)
    }

    /// The format, which is one of lines: what begins or ends with something else is whole at its end only.
    fn of_lines(&self, path: &Path) -> Result<Option<RowFormat>> {
        match self.of(path)? {
            Some(RowFormat::JsonArray | RowFormat::Batches(_)) => Err(Error::Usage {
                message:
                    "with `--follow`, rows are written line by line, and this format has an end"
                        .to_owned(),
                hint: Some("`--output-format` is `jsonl`, `csv` or `tsv`".to_owned()),
            }),
            format => Ok(format),
        }
    }
}
