//! One pass over a file that is not made of lines: its units to the map, and a count of what was read.

use tamis_engine::Result;
use tamis_engine::pipeline::{Flow, Options, Outcome, run_items};
use tamis_formats::file::{RecordFile, Unit, Units};

/// Runs `map` over the units of `file` and their numbers, on all threads, and `merge` over what it returned, in order.
///
/// The outcome has the bytes of the units that were merged, and at the end the file must be what was opened.
///
/// # Errors
/// Those of reading, of `map` and of `merge`; [`Changed`](tamis_engine::Error::Changed).
pub(crate) fn run_units<'f, W, P: Send>(
    name: &str,
    file: &'f dyn RecordFile,
    units: Units<'f>,
    options: &Options,
    new_worker: impl Fn() -> W + Sync,
    map: impl Fn(&mut W, Box<dyn Unit + 'f>, u64) -> Result<P> + Sync,
    mut merge: impl FnMut(P) -> Result<Flow>,
) -> Result<Outcome> {
    let (mut plain_bytes, mut stored_bytes) = (0, 0);
    let outcome = run_items(
        name,
        units.zip(0..).map(|(unit, number)| Ok((unit?, number))),
        options,
        new_worker,
        |worker, (unit, number)| {
            let size = (unit.plain_bytes(), unit.len_bytes());
            Ok((map(worker, unit, number)?, size))
        },
        |(part, (plain, stored))| {
            plain_bytes += plain;
            stored_bytes += stored;
            options.progress.add_plain_bytes(plain);
            options.progress.add_raw_bytes(stored);
            merge(part)
        },
    )?;
    if !outcome.stopped {
        file.verify()?;
    }
    Ok(Outcome {
        bytes: plain_bytes,
        raw_bytes: match file.len_bytes() {
            Some(len_bytes) if !outcome.stopped => len_bytes,
            _ => stored_bytes,
        },
        backend: file.backend(),
        ..outcome
    })
}
