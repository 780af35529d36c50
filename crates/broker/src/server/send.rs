//! Answers onto a socket: bytes of many answers by one vectored write, ranges of files by `sendfile`, which copies nothing through
//! us, or where that cannot be, through a piece of memory.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use bytes::{Buf, Bytes};
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_cork;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::connection::Ended;
use crate::api::{Part, Parts};
use crate::log::FileRange;

/// Pieces that go to the system at once.
const SLICES_MAX: usize = 64;

/// What one call of `sendfile` is asked for: so that a fast reader does not keep a core from the others.
const FILE_STEP_BYTES: u64 = 1 << 20;

/// The same where it goes through memory.
const COPY_STEP_BYTES: usize = 16 << 10;

/// The field of the length in front of each answer.
const LENGTH_BYTES: usize = 4;

/// Answers that are ready to go, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Piece>,
    len_bytes: u64,
    has_files: bool,
}

/// A part of an answer, as far as it is not sent.
#[derive(Debug)]
enum Piece {
    /// The field of the length, and how much of it is sent.
    Length([u8; LENGTH_BYTES], usize),
    Bytes(Bytes),
    File(FileRange),
}

impl Outbox {
    /// Puts an answer behind the others.
    ///
    /// # Errors
    /// [`Ended::Io`] if it is longer than its length can say.
    pub(super) fn push(&mut self, parts: Parts) -> Result<(), Ended> {
        let len_bytes: u64 = parts.iter().map(Part::len_bytes).sum();
        let length =
            i32::try_from(len_bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        self.pieces
            .push_back(Piece::Length(length.to_be_bytes(), 0));
        self.len_bytes += LENGTH_BYTES as u64 + len_bytes;
        for part in parts {
            self.pieces.push_back(match part {
                Part::Bytes(bytes) => Piece::Bytes(bytes),
                Part::File(range) => {
                    self.has_files = true;
                    Piece::File(range)
                }
            });
        }
        Ok(())
    }

    /// Bytes of all answers in it.
    pub(super) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Sends all of them.
    pub(super) async fn send(
        &mut self,
        stream: &TcpStream,
        stalled: Duration,
    ) -> Result<(), Ended> {
        let has_files = std::mem::take(&mut self.has_files);
        if has_files {
            // Until it is taken off again only full packets are sent.
            set_tcp_cork(stream.as_fd(), true).map_err(io::Error::from)?;
        }
        loop {
            match self.pieces.front() {
                None => break,
                Some(Piece::File(range)) => {
                    send_file(stream, range, stalled).await?;
                    self.pieces.pop_front();
                }
                Some(_) => self.send_bytes(stream, stalled).await?,
            }
        }
        if has_files {
            set_tcp_cork(stream.as_fd(), false).map_err(io::Error::from)?;
        }
        self.len_bytes = 0;
        Ok(())
    }

    /// Sends what is in memory in front of the next file, or a part of it.
    async fn send_bytes(&mut self, stream: &TcpStream, stalled: Duration) -> Result<(), Ended> {
        let sent = step(stream, stalled, || {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let pieces = self.pieces.iter().map_while(Piece::in_memory);
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(pieces) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            stream.try_write_vectored(&slices[..count])
        });
        let mut sent = sent.await?;
        while let Some(first) = self.pieces.front_mut() {
            let Some(len_bytes) = first.in_memory().map(<[u8]>::len) else {
                break;
            };
            if sent < len_bytes {
                first.advance(sent);
                break;
            }
            sent -= len_bytes;
            self.pieces.pop_front();
        }
        Ok(())
    }
}

impl Piece {
    /// Its bytes, if it has them.
    fn in_memory(&self) -> Option<&[u8]> {
        match self {
            Piece::Length(bytes, sent) => Some(&bytes[*sent..]),
            Piece::Bytes(bytes) => Some(bytes),
            Piece::File(_) => None,
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Piece::Length(_, sent) => *sent += count,
            Piece::Bytes(bytes) => bytes.advance(count),
            Piece::File(range) => {
                range.position += count as u64;
                range.len_bytes -= count as u64;
            }
        }
    }
}

async fn send_file(stream: &TcpStream, range: &FileRange, stalled: Duration) -> Result<(), Ended> {
    let mut position = range.position;
    let end = range.position + range.len_bytes;
    let mut has_sendfile = true;
    while position < end {
        let count = (end - position).min(FILE_STEP_BYTES) as usize;
        let sent = step(stream, stalled, || {
            stream.try_io(Interest::WRITABLE, || match has_sendfile {
                true => send_step(stream, &range.file, position, count),
                false => copy_step(stream, &range.file, position, count),
            })
        });
        match sent.await {
            Err(Ended::Io(error)) if has_sendfile && is_unsupported(&error) => has_sendfile = false,
            // The file is shorter than what was once written.
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            sent => position += sent? as u64,
        }
    }
    Ok(())
}

/// Whether a file system, or a system, does not know `sendfile`.
fn is_unsupported(error: &io::Error) -> bool {
    let unsupported = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP];
    unsupported
        .map(Errno::raw_os_error)
        .map(Some)
        .contains(&error.raw_os_error())
}

/// From the file to the socket within the system.
fn send_step(stream: &TcpStream, file: &File, position: u64, count: usize) -> io::Result<usize> {
    let mut from = position;
    loop {
        match rustix::fs::sendfile(stream.as_fd(), file.as_fd(), Some(&mut from), count) {
            Err(Errno::INTR) => {}
            sent => return sent.map_err(io::Error::from),
        }
    }
}

/// The same through a piece of memory.
fn copy_step(stream: &TcpStream, file: &File, position: u64, count: usize) -> io::Result<usize> {
    let mut piece = [0; COPY_STEP_BYTES];
    let count = count.min(piece.len());
    let read = file.read_at(&mut piece[..count], position)?;
    match read {
        0 => Ok(0),
        _ => Ok(rustix::io::write(stream.as_fd(), &piece[..read])?),
    }
}

/// Tries until the socket takes something, but not for ever.
async fn step(
    stream: &TcpStream,
    stalled: Duration,
    mut attempt: impl FnMut() -> io::Result<usize>,
) -> Result<usize, Ended> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return Ok(done?),
        }
        match tokio::time::timeout(stalled, stream.writable()).await {
            Ok(ready) => ready?,
            Err(_) => return Err(Ended::Stalled(stalled)),
        }
    }
}

impl Part {
    fn len_bytes(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::File(range) => range.len_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn both_ways_send_the_same() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|it| it as u8).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, &bytes).expect("it is written");
        let file = File::open(&path).expect("it opens");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is known");
        for step_by in [send_step, copy_step] {
            let sending = TcpStream::connect(address).await.expect("it listens");
            let (mut receiving, _) = listener.accept().await.expect("it comes");
            let mut received = vec![0; bytes.len() - 1000];
            let send = async {
                let mut position = 1000;
                while position < bytes.len() {
                    let count = (bytes.len() - position).min(50_000);
                    let sent = step(&sending, Duration::from_secs(20), || {
                        sending.try_io(Interest::WRITABLE, || {
                            step_by(&sending, &file, position as u64, count)
                        })
                    });
                    position += sent.await.expect("it is sent");
                }
            };
            let (read, ()) = tokio::join!(receiving.read_exact(&mut received), send);
            read.expect("it comes");
            assert_eq!(received, bytes[1000..]);
        }
    }

    #[test]
    fn what_is_no_error_of_the_socket_is_told_apart() {
        let error = |errno: Errno| io::Error::from(errno);
        assert!(is_unsupported(&error(Errno::INVAL)));
        assert!(!is_unsupported(&error(Errno::PIPE)));
        assert!(!is_unsupported(&io::Error::from(
            io::ErrorKind::InvalidInput
        )));
    }
}
