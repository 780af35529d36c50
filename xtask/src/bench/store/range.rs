//! A megabyte out of a large file, and what a file of mostly nothing costs.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde_json::Value;

use super::data::{Folder, LARGE, Random};
use super::shell::{Shell, stored_bytes};
use super::tool::{Medium, TAMIS};
use crate::Result;
use crate::bench::sources::failed;
use crate::bench::table::median;
use crate::bench::whole::Run;

const LEN_BYTES: u64 = 1_000_000;

/// Places for the median: some milliseconds each.
const PLACES: usize = 41;

const GET: &str = "tamis --quiet store --store {store} get HEAD:large --range {start}+{len} -o {out} --force --json";

/// What a file took.
#[derive(Debug)]
pub(super) struct Ranges {
    pub(super) file_bytes: u64,
    pub(super) stored_bytes: u64,
    pub(super) add: Run,
    /// Of a whole process.
    pub(super) process_seconds: f64,
    /// Of what the process says that it took itself, if it does.
    pub(super) inside_seconds: Option<f64>,
    pub(super) peak_rss_bytes: u64,
}

/// Adds the only file of a folder, and reads ranges of it at random places.
pub(super) fn measure(shell: &Shell, folder: &Folder, name: &str) -> Result<Ranges> {
    let store = shell.path(Medium::Disk, &format!("{name}-ranges"));
    let out = shell.path(Medium::Memory, &format!("{name}-range"));
    let names = [
        ("{store}", store.as_path()),
        ("{from}", folder.path.as_path()),
        ("{out}", out.as_path()),
    ];
    shell.run(TAMIS.init, &names)?;
    let (add, _) = shell.run(&TAMIS.add.replace("{version}", "one"), &names)?;
    let mut random = Random(4);
    let (mut process, mut inside, mut peak_rss_bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..PLACES {
        let start = random.next() % (folder.bytes - LEN_BYTES);
        let line = GET.replace("{start}", &start.to_string());
        let line = line.replace("{len}", &LEN_BYTES.to_string());
        // The first time, it comes from the disk.
        shell.run(&line, &names)?;
        let (run, printed) = shell.run(&line, &names)?;
        require_range(&folder.path.join(LARGE), start, &out.join(LARGE))?;
        process.push(run.seconds);
        peak_rss_bytes = run.peak_rss_bytes.max(peak_rss_bytes);
        let report: Value = serde_json::from_str(&printed).unwrap_or_default();
        inside.extend(report["seconds"].as_f64());
    }
    let ranges = Ranges {
        file_bytes: folder.bytes,
        stored_bytes: stored_bytes(&store)?,
        add,
        process_seconds: median(process),
        inside_seconds: (!inside.is_empty()).then(|| median(inside)),
        peak_rss_bytes,
    };
    shell.release(&store)?;
    Ok(ranges)
}

/// Fails if `range` does not have the bytes of `file` from `start` on.
fn require_range(file: &Path, start: u64, range: &Path) -> Result<()> {
    let mut expected = vec![0; LEN_BYTES as usize];
    let read = fs::File::open(file).and_then(|file| file.read_exact_at(&mut expected, start));
    read.map_err(|error| failed(file, &error))?;
    let found = fs::read(range).map_err(|error| failed(range, &error))?;
    match found == expected {
        true => Ok(()),
        false => Err(format!(
            "a range from byte {start} has other bytes than the file"
        )),
    }
}
