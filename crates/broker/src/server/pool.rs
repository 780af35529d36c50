//! Buffers that requests are read into, used again and again.
//!
//! A request lies in one buffer from the socket to the log, and what is kept of it (its batches, in the tails of logs) are slices of
//! that buffer. When the last of them is dropped the buffer comes back here, so a broker under load asks the system for no
//! memory: sizes are powers of two, and one request takes what another gave back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The smallest buffer, which every read is offered.
pub(crate) const BUFFER_BYTES_MIN: usize = 64 << 10;

/// Buffers are pooled in so many sizes, each twice the one before: up to 2 MiB, for the 1 MiB that clients take for the largest
/// request, and what is around it. Larger ones are rare, and go back to the system.
const SIZES: usize = 6;

/// Bytes of buffers that wait to be used again, at most.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// A handle that is cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    by_size: [Vec<Vec<u8>>; SIZES],
    len_bytes: usize,
}

/// A buffer, empty at first, that goes back to its pool when it is dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    pub(crate) bytes: Vec<u8>,
    pool: Pool,
}

impl Pool {
    /// A buffer with room for so many bytes at least.
    pub(crate) fn take(&self, room_bytes: usize) -> Buffer {
        let index = size_index(room_bytes);
        let kept = self.lock().take(index);
        let bytes = kept.unwrap_or_else(|| match index < SIZES {
            true => Vec::with_capacity(BUFFER_BYTES_MIN << index),
            false => Vec::with_capacity(room_bytes),
        });
        Buffer {
            bytes,
            pool: self.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of the sizes the first that has so much room; `SIZES` or more: none has.
fn size_index(room_bytes: usize) -> usize {
    let units = room_bytes.div_ceil(BUFFER_BYTES_MIN).max(1);
    units.next_power_of_two().trailing_zeros() as usize
}

impl Kept {
    fn take(&mut self, index: usize) -> Option<Vec<u8>> {
        let bytes = self.by_size.get_mut(index)?.pop()?;
        self.len_bytes -= bytes.capacity();
        Some(bytes)
    }

    fn give_back(&mut self, mut bytes: Vec<u8>) {
        let is_full = self.len_bytes + bytes.capacity() > KEPT_BYTES_MAX;
        let size = self.by_size.get_mut(size_index(bytes.capacity()));
        if let (false, Some(size)) = (is_full, size) {
            bytes.clear();
            self.len_bytes += bytes.capacity();
            size.push(bytes);
        }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.pool.lock().give_back(bytes);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_was_given_back_is_used_again() {
        let pool = Pool::default();
        let mut buffer = pool.take(100_000);
        buffer.bytes.extend_from_slice(b"something");
        let address = buffer.bytes.as_ptr();
        let first = Bytes::from_owner(buffer);
        let second = first.slice(3..);
        drop(first);
        assert_ne!(pool.take(100_000).bytes.as_ptr(), address);
        assert_eq!(second, "ething");
        drop(second);
        let again = [pool.take(70_000), pool.take(70_000)];
        assert!(again.iter().any(|it| it.bytes.as_ptr() == address));
        assert!(again.iter().all(|it| it.bytes.is_empty()));
    }

    #[test]
    fn there_is_as_much_room_as_was_asked_for() {
        let pool = Pool::default();
        for room in [0, 1, 65_536, 65_537, 1 << 20, (1 << 21) + 1, 5 << 20] {
            for _ in 0..2 {
                assert!(pool.take(room).bytes.capacity() >= room.max(BUFFER_BYTES_MIN));
            }
        }
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let pool = Pool::default();
        drop((0..100).map(|_| pool.take(1 << 20)).collect::<Vec<_>>());
        assert_eq!(pool.lock().len_bytes, KEPT_BYTES_MAX);
        drop(pool.take(1 << 30));
        assert_eq!(pool.lock().len_bytes, KEPT_BYTES_MAX);
    }
}
