//! `tamis store get`: files and folders out of a commit.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use tamis_scan::names;
use tamis_store::restore::{RestoreOptions, Restored, Wanted};
use tamis_store::store::Store;
use tamis_store::tree::children;

use super::bytes::{self, ByteRange};
use super::place::Place;
use super::progress::{Direction, Watched};
use super::spec::{Found, Spec};
use super::{placed, setup, shown};
use crate::args::OutputOptions;
use crate::progress::Display;
use crate::{Context, Error, Exit, Result, output};

/// Put files, folders and links of a commit into a folder
///
/// Each is put there under the last part of its path, with its mode and times, a folder with everything below. Nothing is replaced without
/// `--force`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store get HEAD~1:drops/orders.csv -o before/
  tamis store get v1:drops v1:notes.txt -o release/
  tamis store get big.bin --range 1GiB+64KiB -o pieces/")]
pub(super) struct Options {
    /// What, and of which commit [default: HEAD]
    #[arg(value_name = "[REF:]PATH", required = true)]
    what: Vec<OsString>,

    /// Where to
    #[arg(long, short, value_name = "DIR", default_value = ".", value_parser = output::file())]
    output_dir: PathBuf,

    /// Of a file, these bytes alone: FROM..TO, FROM.., ..TO or FROM+LENGTH
    #[arg(long, value_name = "RANGE")]
    range: Option<ByteRange>,

    /// Replace what is in the way
    #[arg(long, short)]
    force: bool,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let start = Instant::now();
    let folder = place.folder()?;
    let store = setup::open_at(&folder, None, context)?;
    let mut found = Vec::new();
    for typed in &options.what {
        found.push(Spec::typed(typed, place, &folder)?.find(&store)?);
    }
    let restored = match options.range {
        Some(range) => options.write_range(&store, &found, range, context)?,
        None => options.restore(&store, found, context)?,
    };
    placed::report(
        restored,
        &store,
        &options.output_dir,
        start,
        options.output.format(),
        context,
    )
}

impl Options {
    fn restore(&self, store: &Store, found: Vec<Found>, context: &Context<'_>) -> Result<Restored> {
        let mut wanted = Vec::new();
        for item in found {
            match item.child.folder {
                // All of a commit has no name to be put under.
                Some((root, _)) if item.path.is_empty() => {
                    for child in children(root, store.objects()) {
                        let child = child?;
                        let path = child.name.clone();
                        wanted.push(Wanted { path, child });
                    }
                }
                _ => wanted.push(Wanted {
                    path: item.path,
                    child: item.child,
                }),
            }
        }
        refuse_twins(&wanted)?;
        let options = RestoreOptions {
            force: self.force,
            ..RestoreOptions::default()
        };
        let watched = Watched::new(&options.progress, Direction::Out);
        let display = Display::start(context.globals, &watched);
        let restored = store.restore(wanted, &self.output_dir, &options);
        drop(display);
        Ok(restored?)
    }

    fn write_range(
        &self,
        store: &Store,
        found: &[Found],
        range: ByteRange,
        context: &Context<'_>,
    ) -> Result<Restored> {
        let [Found { path, child, .. }] = found else {
            return Err(Error::Usage {
                message: "`--range` takes one file".to_owned(),
                hint: None,
            });
        };
        range.check(child, path, context)?;
        store.refuse_inside(&self.output_dir)?;
        std::fs::create_dir_all(&self.output_dir).map_err(|source| Error::Read {
            path: self.output_dir.clone(),
            source,
        })?;
        let target = self.output_dir.join(shown::as_path(&child.name));
        if !self.force && target.symlink_metadata().is_ok() {
            return Err(Error::Usage {
                message: format!("`{}` is there already", names::show(&target)),
                hint: Some("`--force` replaces it".to_owned()),
            });
        }
        let mut sink = output::open(&target)?;
        let bytes = bytes::copy(store, child, path, range, sink.as_mut())?;
        sink.finish()?;
        Ok(Restored {
            files: 1,
            bytes,
            ..Restored::default()
        })
    }
}

/// Two things cannot be put under one name.
fn refuse_twins(wanted: &[Wanted]) -> Result<()> {
    let mut names = BTreeMap::new();
    for Wanted { path, child } in wanted {
        if let Some(other) = names.insert(&child.name, path) {
            return Err(Error::Usage {
                message: format!(
                    "`{}` and `{}` would be put under one name",
                    shown::name(other),
                    shown::name(path)
                ),
                hint: Some("get them one by one, into different folders".to_owned()),
            });
        }
    }
    Ok(())
}
