//! `tamis inspect`: what the headers of files say.

use std::path::PathBuf;

use clap::Args;
use tamis_engine::source::{ReadOptions, Source, StdinSource};
use tamis_scan::inspect::{InspectOptions, Inspection, SCHEMA_VERSION, inspect_all, text};

use crate::args::{OutputFormat, OutputOptions, parse_count};
use crate::{Context, Error, Exit, Result, inputs};

/// Entries and parts of a file in a text: a screen of them.
const LIMIT_TEXT: u64 = 20;
/// The same in JSON, which nobody scrolls through.
const LIMIT_JSON: u64 = 10_000;

/// Say what files are and what is in them, by their headers
///
/// Tells PNG, JPEG, GIF, MP4, QuickTime, WAVE, ZIP, ELF, Parquet and SQLite by their first bytes, and says how large a
/// picture is, how long a film, what an archive contains, and where in the file all of that lies. Reads headers and
/// directories, not what they describe.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis inspect photo.jpg film.mp4
  tamis inspect archive.zip --entries
  tamis inspect /bin/ls --entries --limit 100
  tamis inspect drops/*.parquet --json
  curl -s https://example.org/a.png | tamis inspect -

Exit codes: 0 all is well, also with files of unknown kind; 1 a file is damaged; 2 usage; 3 a file cannot be read.")]
pub(crate) struct Options {
    /// Files, `-` for standard input; compressed ones are looked into
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// List what is in them: files of an archive, tracks, frames, sections, column chunks, tables
    #[arg(long, short)]
    entries: bool,

    /// List so many parts and entries of each file at most [default: 20 in text, 10,000 in JSON]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    limit: Option<u64>,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let stdin = options.files.iter().filter(|path| path.as_os_str() == "-");
    if stdin.count() > 1 {
        return Err(Error::Usage {
            message: "standard input can be read once only".to_owned(),
            hint: None,
        });
    }
    let read = ReadOptions {
        io: inputs::io(context.globals),
        cancel: context.cancel.clone(),
        ..ReadOptions::default()
    };
    let source = |path: &PathBuf| -> Result<Box<dyn Source>> {
        match path.as_os_str() == "-" {
            true => Ok(Box::new(StdinSource::new(read.clone()))),
            false => inputs::named_source(path, read.clone(), context.globals, context.cancel),
        }
    };
    let sources: Vec<_> = options.files.iter().map(source).collect::<Result<_>>()?;
    let format = options.output.format();
    let limit = options.limit.unwrap_or(match format {
        OutputFormat::Text => LIMIT_TEXT,
        OutputFormat::Json => LIMIT_JSON,
    });
    let inspect_options = InspectOptions {
        parts_max: limit,
        entries_max: if options.entries { limit } else { 0 },
        threads: context.globals.thread_count().get(),
        cancel: context.cancel.clone(),
    };
    let mut page = Page {
        format,
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        entries: options.entries,
        count: 0,
        exit: Exit::Good,
    };
    let mut failure = None;
    let result = inspect_all(&sources, &inspect_options, |source, found| {
        let printed = page.add(source.name(), found, context);
        // The run ends here, and how is told below.
        printed.map_err(|error| {
            failure = Some(error);
            tamis_engine::Error::Interrupted
        })
    });
    match (failure, result) {
        (Some(error), _) => return Err(error),
        (None, result) => result?,
    }
    page.end(context)?;
    Ok(page.exit)
}

/// What is printed, file by file.
struct Page {
    format: OutputFormat,
    limit: usize,
    entries: bool,
    count: usize,
    exit: Exit,
}

impl Page {
    fn add(
        &mut self,
        name: &str,
        found: tamis_scan::Result<Inspection>,
        context: &Context<'_>,
    ) -> Result<()> {
        let found = match found.map_err(Error::from) {
            Ok(found) => found,
            Err(error) if error.exit() == Exit::Interrupted => return Err(error),
            Err(error) => {
                self.exit = self.exit.max(Exit::Failure);
                context.printer.error(&error);
                return match self.format {
                    OutputFormat::Text => Ok(()),
                    OutputFormat::Json => {
                        let [file, why] = [name, &error.chain()].map(serde_json::Value::from);
                        let object = format!("{{\"file\":{file},\"error\":{why}}}");
                        self.print_json(&object, context)
                    }
                };
            }
        };
        if found.damage.is_some() {
            self.exit = self.exit.max(Exit::Bad);
        }
        match self.format {
            OutputFormat::Json => {
                let object = serde_json::to_string(&found).expect("it has keys of texts only");
                self.print_json(&object, context)
            }
            OutputFormat::Text => {
                let options = text::TextOptions {
                    limit: self.limit,
                    entries: self.entries,
                };
                let mut page = String::new();
                if self.count > 0 {
                    page.push('\n');
                }
                text::write(&found, options, &mut page).expect("a string takes everything");
                self.count += 1;
                context.printer.data(&page)
            }
        }
    }

    /// An object of the list of files.
    fn print_json(&mut self, object: &str, context: &Context<'_>) -> Result<()> {
        let before = match self.count {
            0 => format!("{{\"schema_version\":{SCHEMA_VERSION},\"files\":[\n"),
            _ => ",\n".to_owned(),
        };
        self.count += 1;
        context.printer.data(&format!("{before}{object}"))
    }

    fn end(&self, context: &Context<'_>) -> Result<()> {
        match self.format {
            OutputFormat::Text => Ok(()),
            OutputFormat::Json => context.printer.data("\n]}\n"),
        }
    }
}
