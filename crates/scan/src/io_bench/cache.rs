//! The page cache before a run: without the file, or with all of it; and whether that worked.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Advice, fadvise};
use tamis_engine::mmap::resident_bytes;

use super::Temperature;

/// What is read at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Pages that were dropped may be back when somebody else reads them; so many may be.
const RESIDENT_SHARE_MAX: f64 = 0.02;

/// Whether the pages of a file can be dropped: not those of files in memory, and not those that are mapped or read by others.
pub(super) fn can_evict(path: &Path, len_bytes: u64) -> io::Result<bool> {
    let share = prepare(&[path], len_bytes, Temperature::Cold)?;
    Ok(share <= RESIDENT_SHARE_MAX)
}

/// Brings the first `len_bytes` of each file into this state, on descriptors of its own; the share that is in memory then.
pub(super) fn prepare(
    paths: &[impl AsRef<Path>],
    len_bytes: u64,
    temperature: Temperature,
) -> io::Result<f64> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut resident, mut total) = (0, 0);
    for path in paths {
        let file = File::open(path)?;
        let len_bytes = file.metadata()?.len().min(len_bytes);
        match temperature {
            Temperature::Cold => {
                // A page that is still to be written stays. Small files were written when they were made, and to ask for each of
                // thousands takes longer than to read them.
                if paths.len() == 1 {
                    rustix::fs::fdatasync(&file)?;
                }
                fadvise(&file, 0, None, Advice::DontNeed)?;
            }
            Temperature::Warm => warm(&file, len_bytes, &mut buffer)?,
        }
        resident += resident_bytes(&file, len_bytes)?;
        total += len_bytes;
    }
    Ok(match total {
        0 => 1.0,
        total => resident as f64 / total as f64,
    })
}

/// Reads what is not in memory.
fn warm(file: &File, len_bytes: u64, buffer: &mut [u8]) -> io::Result<()> {
    if resident_bytes(file, len_bytes)? == len_bytes {
        return Ok(());
    }
    let mut offset = 0;
    while offset < len_bytes {
        match file.read_at(buffer, offset)? {
            0 => break,
            count => offset += count as u64,
        }
    }
    Ok(())
}
