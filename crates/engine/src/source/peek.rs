//! Looking at the first bytes of an opened input without losing them.

use super::{Arrival, ByteStream, Opened};
use crate::{Error, Result};

/// The first bytes of an input, and the input as if they had not been read.
#[derive(Debug)]
pub struct Peeked {
    /// Up to as many bytes as were asked for.
    pub head: Vec<u8>,
    /// `head` is all there is.
    pub is_all: bool,
    /// The input, at its start.
    pub input: Opened,
}

/// Reads up to `len_bytes` from the start of `input`.
///
/// # Errors
/// As reading the input.
pub fn peek(input: Opened, len_bytes: usize) -> Result<Peeked> {
    peek_with(input, len_bytes, |stream, head, len| {
        Ok(match stream.read(&mut head[len..])? {
            0 => Arrival::End,
            read => Arrival::Bytes(read),
        })
    })
}

/// The same, but content with a line of an input that has nothing more at the moment. `seen_bytes` were too few:
/// waits for more than these.
///
/// # Errors
/// As reading the input; [`Error::Interrupted`] when it was stopped before there was a line.
pub fn peek_line(input: Opened, seen_bytes: usize, len_bytes: usize) -> Result<Peeked> {
    peek_with(input, len_bytes, |stream, head, len| {
        loop {
            match stream.read_now(&mut head[len..])? {
                Arrival::Idle if len <= seen_bytes || !head[..len].contains(&b'\n') => {}
                Arrival::Stopped => return Err(Error::Interrupted),
                arrival => return Ok(arrival),
            }
        }
    })
}

/// `read` reads more into a head that has so many bytes; an idle stream ends the look.
fn peek_with(
    input: Opened,
    len_bytes: usize,
    mut read: impl FnMut(&mut dyn ByteStream, &mut [u8], usize) -> Result<Arrival>,
) -> Result<Peeked> {
    match input {
        Opened::Random(access) => {
            let mut head = Vec::new();
            access.with_range(0..len_bytes as u64, &mut |bytes| head = bytes.to_vec())?;
            let is_all = head.len() as u64 == access.len_bytes();
            Ok(Peeked {
                head,
                is_all,
                input: Opened::Random(access),
            })
        }
        Opened::Stream(mut stream) => {
            let mut head = vec![0; len_bytes];
            let mut len = 0;
            let mut arrival = Arrival::Bytes(0);
            while len < head.len() && matches!(arrival, Arrival::Bytes(_)) {
                arrival = read(stream.as_mut(), &mut head, len)?;
                if let Arrival::Bytes(read) = arrival {
                    len += read;
                }
            }
            head.truncate(len);
            let replay = Replay {
                head: head.clone(),
                position: 0,
                is_resting: arrival == Arrival::Idle,
                stream,
            };
            Ok(Peeked {
                head,
                is_all: arrival == Arrival::End,
                input: Opened::Stream(Box::new(replay)),
            })
        }
    }
}

/// A stream whose first bytes have been read already.
#[derive(Debug)]
struct Replay {
    head: Vec<u8>,
    position: usize,
    /// The stream had nothing more, and is not asked again before somebody has heard that.
    is_resting: bool,
    stream: Box<dyn ByteStream>,
}

impl ByteStream for Replay {
    fn name(&self) -> &str {
        self.stream.name()
    }

    fn backend(&self) -> &'static str {
        self.stream.backend()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = &self.head[self.position..];
        if left.is_empty() {
            return self.stream.read(buffer);
        }
        let len = left.len().min(buffer.len());
        buffer[..len].copy_from_slice(&left[..len]);
        self.position += len;
        Ok(len)
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> Result<Arrival> {
        if self.position < self.head.len() {
            return self.read(buffer).map(Arrival::Bytes);
        }
        if std::mem::take(&mut self.is_resting) {
            return Ok(Arrival::Idle);
        }
        self.stream.read_now(buffer)
    }

    fn use_threads(&mut self, threads: usize) {
        self.stream.use_threads(threads);
    }

    fn raw_bytes(&self) -> u64 {
        self.stream.raw_bytes()
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        self.stream.raw_len_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{MemorySource, Source};

    #[test]
    fn nothing_is_lost_by_looking() {
        for read_bytes_max in [1, 3, 100] {
            let source = MemorySource::new("m", b"abcdef".to_vec()).as_stream(read_bytes_max);
            let peeked = peek(source.open().unwrap(), 4).unwrap();
            assert_eq!(
                (peeked.head.as_slice(), peeked.is_all),
                (&b"abcd"[..], false)
            );
            let again = peek(peeked.input, 10).unwrap();
            assert_eq!(
                (again.head.as_slice(), again.is_all),
                (&b"abcdef"[..], true)
            );
        }
    }

    #[test]
    fn random_access_is_left_as_it_is() {
        let source = MemorySource::new("m", b"abc".to_vec());
        let peeked = peek(source.open().unwrap(), 3).unwrap();
        assert_eq!((peeked.head.as_slice(), peeked.is_all), (&b"abc"[..], true));
        assert!(matches!(peeked.input, Opened::Random(_)));
    }
}
