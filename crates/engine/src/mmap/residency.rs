//! How much of a file is in the page cache.

use std::fs::File;
use std::io;
use std::ptr;

use rustix::mm::{MapFlags, ProtFlags};

/// Mapped at a time: a file may be larger than the address space.
const WINDOW_BYTES: u64 = 1 << 30;

/// How many of the first `len_bytes` of `file` are in memory; whole pages count, cut to the length.
///
/// # Errors
/// When the file cannot be mapped, or the system does not say (`mincore` is for those who may write to the file).
pub fn resident_bytes(file: &File, len_bytes: u64) -> io::Result<u64> {
    let page_bytes = rustix::param::page_size();
    let mut resident = 0;
    let mut pages = Vec::new();
    let mut start = 0;
    while start < len_bytes {
        let len = (len_bytes - start).min(WINDOW_BYTES) as usize;
        pages.clear();
        pages.resize(len.div_ceil(page_bytes), 0_u8);
        // SAFETY: a fresh mapping that nobody reads; `pages` has a byte for each of its pages; it is unmapped before
        // anybody could know where it was.
        unsafe {
            let mapped = rustix::mm::mmap(
                ptr::null_mut(),
                len,
                ProtFlags::READ,
                MapFlags::SHARED,
                file,
                start,
            )?;
            let answer = libc::mincore(mapped, len, pages.as_mut_ptr().cast());
            let error = io::Error::last_os_error();
            rustix::mm::munmap(mapped, len)?;
            if answer != 0 {
                return Err(error);
            }
        }
        // The other bits are reserved.
        resident += pages.iter().filter(|&&page| page & 1 == 1).count() as u64 * page_bytes as u64;
        start += len as u64;
    }
    Ok(resident.min(len_bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_was_written_just_now_is_in_memory() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&[1; 100_000]).expect("there is room");
        assert_eq!(resident_bytes(&file, 100_000).expect("Linux says"), 100_000);
        assert_eq!(
            resident_bytes(&file, 0).expect("there is nothing to ask"),
            0
        );
        // A hole was never read, so that it is nowhere.
        let sparse = tempfile::tempfile().expect("a temporary file");
        sparse.set_len(1 << 20).expect("files can have holes");
        assert_eq!(resident_bytes(&sparse, 1 << 20).expect("Linux says"), 0);
    }
}
