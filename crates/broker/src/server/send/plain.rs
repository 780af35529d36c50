//! Over a socket as it is: bytes by vectored writes, ranges of files by `sendfile`, or where that cannot be, through a piece of memory.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_cork;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::{Outbox, Piece, SLICES_MAX, Way};
use crate::log::FileRange;
use crate::server::connection::Ended;

/// What one call of `sendfile` is asked for: so that a fast reader does not keep a core from the others.
const FILE_STEP_BYTES: u64 = 1 << 20;

/// The same where it goes through memory.
const COPY_STEP_BYTES: usize = 16 << 10;

impl Way for OwnedWriteHalf {
    async fn send(&mut self, outbox: &mut Outbox, stalled: Duration) -> Result<(), Ended> {
        send(outbox, self.as_ref(), stalled).await
    }

    /// The socket is closed when it is dropped, which is word enough.
    async fn close(&mut self, _stalled: Duration) -> Result<(), Ended> {
        Ok(())
    }
}

/// Sends all of them.
async fn send(outbox: &mut Outbox, stream: &TcpStream, stalled: Duration) -> Result<(), Ended> {
    let has_files = std::mem::take(&mut outbox.has_files);
    if has_files {
        // Until it is taken off again only full packets are sent.
        set_tcp_cork(stream.as_fd(), true).map_err(io::Error::from)?;
    }
    loop {
        match outbox.pieces.front() {
            None => break,
            Some(Piece::File(range)) => {
                send_file(stream, range, stalled).await?;
                outbox.pieces.pop_front();
            }
            Some(_) => send_bytes(outbox, stream, stalled).await?,
        }
    }
    if has_files {
        set_tcp_cork(stream.as_fd(), false).map_err(io::Error::from)?;
    }
    outbox.len_bytes = 0;
    Ok(())
}

/// Sends what is in memory in front of the next file, or a part of it.
async fn send_bytes(
    outbox: &mut Outbox,
    stream: &TcpStream,
    stalled: Duration,
) -> Result<(), Ended> {
    let sent = step(stream, stalled, || {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = outbox.slices(&mut slices);
        stream.try_write_vectored(&slices[..count])
    });
    let sent = sent.await?;
    outbox.advance(sent);
    Ok(())
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
