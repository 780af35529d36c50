//! Buffers that are handed out again instead of being freed.
//!
//! A run over a file asks for the same few buffer sizes millions of times. [`BufferPool`] keeps
//! the buffers it gets back, by size class (powers of two), up to a bound, so that the steady
//! state of a run neither allocates nor touches fresh pages: the first touch of a page costs about
//! as much as copying it.
//!
//! A buffer is zeroed when it is allocated and never again: what [`BufferPool::take`] returns
//! holds whatever its last user left there. All bytes of a buffer are initialised at any time, so
//! none of this needs `unsafe`. Who appends to a `Vec` instead takes one with [`BufferPool::take_vec`]; a buffer that was
//! such a vector is zeroed behind what had been written to it.
//!
//! ```
//! use tamis_engine::pool::BufferPool;
//!
//! let pool = BufferPool::new(1 << 20);
//! let mut buffer = pool.take(5);
//! buffer.copy_from_slice(b"tamis");
//! drop(buffer); // back into the pool
//! assert_eq!(pool.retained_bytes(), BufferPool::CLASS_MIN_BYTES);
//! ```

use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hands out buffers and keeps them for the next caller. Clones share the buffers.
#[derive(Clone)]
pub struct BufferPool {
    shelf: Arc<Mutex<Shelf>>,
    retained_bytes_max: usize,
}

/// The buffers at rest: `classes[k]` holds those with a capacity of `CLASS_MIN_BYTES << k` bytes, and less than twice that.
#[derive(Default)]
struct Shelf {
    classes: Vec<Vec<Vec<u8>>>,
    retained_bytes: usize,
}

impl BufferPool {
    /// Size of the smallest class: a page.
    pub const CLASS_MIN_BYTES: usize = 4096;

    /// A pool that keeps at most `retained_bytes_max` bytes at rest; buffers in use do not count.
    pub fn new(retained_bytes_max: usize) -> Self {
        Self {
            shelf: Arc::default(),
            retained_bytes_max,
        }
    }

    /// A buffer of `len` bytes whose contents are whatever was there before.
    pub fn take(&self, len: usize) -> PooledBuffer {
        let class = Self::class_of(len);
        let size = Self::CLASS_MIN_BYTES << class;
        let mut bytes = self
            .reuse(class..class + 1)
            .unwrap_or_else(|| vec![0; size]);
        bytes.resize(size, 0); // It may have been a vector, which is as long as what was written to it.
        PooledBuffer {
            bytes,
            len,
            pool: self.clone(),
        }
    }

    /// An empty vector with room for `capacity` bytes at least. One that outgrows it goes back as large as it became.
    pub fn take_vec(&self, capacity: usize) -> PooledVec {
        let class = Self::class_of(capacity);
        let reused = self.reuse(class..usize::MAX);
        let mut bytes =
            reused.unwrap_or_else(|| Vec::with_capacity(Self::CLASS_MIN_BYTES << class));
        bytes.clear();
        PooledVec {
            bytes,
            pool: self.clone(),
        }
    }

    /// Bytes at rest in the pool.
    pub fn retained_bytes(&self) -> usize {
        self.shelf().retained_bytes
    }

    /// A buffer of the first of these classes that has one.
    fn reuse(&self, classes: Range<usize>) -> Option<Vec<u8>> {
        let mut shelf = self.shelf();
        let end = classes.end.min(shelf.classes.len());
        let found = shelf.classes.get_mut(classes.start..end)?;
        let buffer = found.iter_mut().find_map(Vec::pop)?;
        shelf.retained_bytes -= buffer.capacity();
        Some(buffer)
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let pages = buffer.capacity() / Self::CLASS_MIN_BYTES;
        let Some(class) = pages.checked_ilog2() else {
            return;
        };
        let class = class as usize;
        let mut shelf = self.shelf();
        if shelf.retained_bytes + buffer.capacity() > self.retained_bytes_max {
            drop(shelf); // Freeing may unmap megabytes: not under the lock.
            return;
        }
        if shelf.classes.len() <= class {
            shelf.classes.resize_with(class + 1, Vec::new);
        }
        shelf.retained_bytes += buffer.capacity();
        shelf.classes[class].push(buffer);
    }

    /// Index of the smallest class that holds `len` bytes.
    fn class_of(len: usize) -> usize {
        let pages = len.div_ceil(Self::CLASS_MIN_BYTES).max(1);
        pages.next_power_of_two().trailing_zeros() as usize
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // No code that can panic runs under this lock, and a shelf is valid at any point anyway.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool")
            .field("retained_bytes", &self.retained_bytes())
            .field("retained_bytes_max", &self.retained_bytes_max)
            .finish()
    }
}

/// A buffer of a [`BufferPool`]; it goes back there when dropped. Dereferences to its bytes.
pub struct PooledBuffer {
    /// As long as its size class; the first `len` bytes are in use.
    bytes: Vec<u8>,
    len: usize,
    pool: BufferPool,
}

impl PooledBuffer {
    /// Bytes it can grow to without moving.
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Makes the buffer `len` bytes long and keeps what it holds, up to the shorter of the two
    /// lengths. Bytes beyond that are unspecified. Growing past [`capacity`](Self::capacity)
    /// copies into a buffer of a larger class.
    pub fn resize(&mut self, len: usize) {
        if len > self.capacity() {
            let mut larger = self.pool.take(len);
            larger[..self.len].copy_from_slice(self);
            *self = larger;
        }
        self.len = len;
    }

    /// Makes the buffer empty.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends `bytes`; a buffer that must grow at least doubles, so that appending is O(1) per byte.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        let start = self.len;
        self.resize(start + bytes.len());
        self[start..].copy_from_slice(bytes);
    }
}

impl Deref for PooledBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes));
    }
}

/// A vector of a [`BufferPool`]; it goes back there when dropped.
pub struct PooledVec {
    bytes: Vec<u8>,
    pool: BufferPool,
}

impl Deref for PooledVec {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for PooledVec {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for PooledVec {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes));
    }
}

impl fmt::Debug for PooledVec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledVec")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish()
    }
}

impl fmt::Debug for PooledBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledBuffer")
            .field("len", &self.len)
            .field("capacity", &self.capacity())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_reused_as_it_was_left() {
        let pool = BufferPool::new(1 << 20);
        let mut first = pool.take(10_000);
        first.fill(7);
        let address = first.as_ptr();
        drop(first);
        let second = pool.take(9_000);
        assert_eq!((second.as_ptr(), second.len()), (address, 9_000));
        assert!(second.iter().all(|&byte| byte == 7), "reuse must not zero");
        assert_eq!(pool.retained_bytes(), 0);
    }

    #[test]
    fn vectors_are_reused_as_large_as_they_became() {
        let pool = BufferPool::new(1 << 20);
        let mut first = pool.take_vec(5_000);
        assert!(first.capacity() >= 8_192 && pool.retained_bytes() == 0);
        first.extend_from_slice(&[7; 100_000]);
        let address = first.as_ptr();
        drop(first);
        let second = pool.take_vec(5_000);
        assert_eq!((second.as_ptr(), second.len()), (address, 0));
        drop(second);
        let buffer = pool.take(65_536);
        assert_eq!((buffer.as_ptr(), buffer.len()), (address, 65_536));
        assert!(buffer.iter().all(|&byte| byte == 0));
        assert_eq!(pool.retained_bytes(), 0);
    }

    #[test]
    fn classes_are_powers_of_two_of_pages() {
        let pool = BufferPool::new(0);
        let capacity = |len| pool.take(len).capacity();
        assert_eq!(
            [0, 1, 4096, 4097, 8192, 500_000].map(capacity),
            [4096, 4096, 4096, 8192, 8192, 524_288]
        );
    }

    #[test]
    fn what_rests_is_bounded() {
        let pool = BufferPool::new(10_000);
        let (first, second, third) = (pool.take(4096), pool.take(4096), pool.take(4096));
        drop((first, second, third));
        assert_eq!(pool.retained_bytes(), 8192);
    }

    #[test]
    fn growing_keeps_the_bytes() {
        let pool = BufferPool::new(1 << 20);
        let mut buffer = pool.take(0);
        for round in 0..5_000u32 {
            buffer.extend_from_slice(&round.to_le_bytes());
        }
        assert_eq!(buffer.len(), 20_000);
        assert_eq!(&buffer[19_996..], 4_999u32.to_le_bytes());
        buffer.resize(4);
        assert_eq!(&buffer[..], 0u32.to_le_bytes());
        buffer.clear();
        assert!(buffer.is_empty());
    }
}
