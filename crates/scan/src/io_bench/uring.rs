//! Reads by io_uring: requests and answers go through rings that we share with the kernel, several at a time.

#![expect(
    unsafe_code,
    reason = "the kernel writes into buffers that a request names by address; they outlive it, see `Reads`"
)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use io_uring::{IoUring, opcode, types};

use super::file::{Buffer, Filling};

/// A read that was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Request {
    offset: u64,
    filling: Filling,
}

/// A ring and the buffers that the kernel writes to.
///
/// A buffer belongs to the kernel from the moment its request is pushed until its answer is taken, and `is_busy` says so. It is neither
/// looked at nor freed in between: dropping this waits for all answers first.
struct Reads<'f> {
    ring: IoUring,
    file: &'f File,
    buffers: Vec<Buffer>,
    requests: Vec<Request>,
    is_busy: Vec<bool>,
}

/// Reads blocks of `block_bytes` at `offsets`, `depth` at a time, and shows each to `visit`, in the order in which they come.
/// `len_bytes` is where the file ends for us, and `step` what the place of a read has to be a multiple of.
///
/// # Errors
/// When the kernel has no io_uring or does not let us, and when a read fails.
pub(super) fn read(
    file: &File,
    (len_bytes, block_bytes, step): (u64, usize, usize),
    depth: u32,
    mut offsets: impl Iterator<Item = u64>,
    visit: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    let slots = depth as usize;
    let mut reads = Reads {
        ring: IoUring::new(depth.next_power_of_two())?,
        file,
        buffers: (0..slots).map(|_| Buffer::new(block_bytes)).collect(),
        requests: vec![Request::default(); slots],
        is_busy: vec![false; slots],
    };
    let mut is_over = false;
    loop {
        for slot in 0..slots {
            if reads.is_busy[slot] || is_over {
                continue;
            }
            let Some(offset) = offsets.next() else {
                is_over = true;
                break;
            };
            let expected = (len_bytes - offset).min(block_bytes as u64) as usize;
            reads.requests[slot] = Request {
                offset,
                filling: Filling::new(expected, step),
            };
            reads.push(slot)?;
        }
        if !reads.is_busy.contains(&true) {
            return Ok(());
        }
        match reads.ring.submit_and_wait(1) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            submitted => drop(submitted?),
        }
        while let Some((slot, read)) = reads.take() {
            let filling = &mut reads.requests[slot].filling;
            filling.add(read)?;
            match filling.is_done() {
                true => visit(&reads.buffers[slot].bytes()[..filling.expected()]),
                false => reads.push(slot)?,
            }
        }
    }
}

impl Reads<'_> {
    /// Asks for what is missing in a buffer that is not busy.
    fn push(&mut self, slot: usize) -> io::Result<()> {
        let request = self.requests[slot];
        let filled = request.filling.filled();
        let rest = &mut self.buffers[slot].bytes_mut()[filled..];
        let descriptor = types::Fd(self.file.as_raw_fd());
        let entry = opcode::Read::new(descriptor, rest.as_mut_ptr(), rest.len() as u32)
            .offset(request.offset + filled as u64)
            .build()
            .user_data(slot as u64);
        // SAFETY: the file is borrowed and the buffer ours for as long as `self` is, and `self` is not dropped before the
        // answer is there. Nobody touches the buffer while it is busy, which it is from here on.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.map_err(|_| io::Error::other("the ring is full"))?;
        self.is_busy[slot] = true;
        Ok(())
    }

    /// Takes an answer: which buffer it is for, and how many bytes came. `None` when there is none now.
    fn take(&mut self) -> Option<(usize, io::Result<usize>)> {
        let answer = self.ring.completion().next()?;
        let slot = answer.user_data() as usize;
        self.is_busy[slot] = false;
        let read = match answer.result() {
            count @ 0.. => Ok(count as usize),
            error => Err(io::Error::from_raw_os_error(-error)),
        };
        Some((slot, read))
    }
}

impl Drop for Reads<'_> {
    fn drop(&mut self) {
        while self.is_busy.contains(&true) {
            if self.ring.submit_and_wait(1).is_err() {
                // The kernel may still write: better that the memory is never used again.
                std::mem::take(&mut self.buffers)
                    .into_iter()
                    .for_each(std::mem::forget);
                return;
            }
            while self.take().is_some() {}
        }
    }
}
