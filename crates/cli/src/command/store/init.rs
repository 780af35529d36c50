//! `tamis store init`: a new store.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use tamis_scan::names;
use tamis_store::chunker::Parameters;
use tamis_store::store::{FOLDER, Store};

use super::json;
use super::place::Place;
use crate::args::{ByteSize, OutputFormat, OutputOptions};
use crate::{Context, Error, Exit, Result};

/// Make an empty store
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store init
  tamis store init --bare /mnt/backup/shop")]
pub(super) struct Options {
    /// The folder whose files will be kept; the store is `.tamis` in it
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,

    /// Make the store in DIR itself: one without a work tree, to push to
    #[arg(long)]
    bare: bool,

    /// How long chunks are: at least, about, at most [default: 16KiB/64KiB/256KiB]
    #[arg(long, value_name = "MIN/AVG/MAX")]
    chunk_size: Option<ChunkSize>,

    #[command(flatten)]
    output: OutputOptions,
}

/// Lengths of chunks, as typed.
#[derive(Clone, Copy, Debug)]
struct ChunkSize(Parameters);

impl FromStr for ChunkSize {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let sizes: Vec<&str> = text.split('/').collect();
        let [min, avg, max] = sizes[..] else {
            return Err("expected three sizes, as in 16KiB/64KiB/256KiB".to_owned());
        };
        let size = |text: &str| {
            let size = text.parse::<ByteSize>()?.0;
            u32::try_from(size).map_err(|_| format!("{text} is longer than any chunk"))
        };
        let parameters = Parameters {
            min_bytes: size(min)?,
            avg_bytes: size(avg)?,
            max_bytes: size(max)?,
        };
        parameters.validate().map_err(|error| error.to_string())?;
        Ok(Self(parameters))
    }
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    if place.store.is_some() {
        return Err(Error::Usage {
            message: "`--store` names a store that is there already".to_owned(),
            hint: Some("`tamis store init DIR` makes one in DIR".to_owned()),
        });
    }
    let folder = match options.bare {
        true => options.folder.clone(),
        false => options.folder.join(FOLDER),
    };
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    let chunks = options
        .chunk_size
        .map_or_else(Parameters::default, |it| it.0);
    Store::init(&folder, chunks)?;
    let folder = folder.canonicalize().unwrap_or(folder);
    if options.output.format() == OutputFormat::Json {
        let mut fields = json::fields([(
            "chunk_bytes",
            vec![chunks.min_bytes, chunks.avg_bytes, chunks.max_bytes].into(),
        )]);
        names::put(&folder, &mut fields);
        json::print(&context.printer, fields)?;
    } else {
        let shown = names::show(&folder);
        context
            .printer
            .say(&format!("made an empty store in `{shown}`"));
    }
    Ok(Exit::Good)
}
