//! Answers onto a socket: bytes by one vectored write, ranges of files by `sendfile`, which copies nothing through us.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::time::Duration;

use bytes::{Buf, Bytes};
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_cork;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::connection::Ended;
use crate::api::{Part, Parts};
use crate::log::FileRange;

/// Pieces that go to the system at once.
const SLICES_MAX: usize = 64;

/// What one call of `sendfile` is asked for: so that a fast reader does not keep a core from the others.
const FILE_STEP_BYTES: u64 = 1 << 20;

/// Sends an answer behind its length.
pub(super) async fn send(
    socket: &OwnedWriteHalf,
    parts: Parts,
    stalled: Duration,
) -> Result<(), Ended> {
    let stream: &TcpStream = socket.as_ref();
    let len_bytes: u64 = parts.iter().map(Part::len_bytes).sum();
    let length =
        i32::try_from(len_bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    let mut waiting = vec![Bytes::copy_from_slice(&length.to_be_bytes())];
    let has_files = parts.iter().any(|it| matches!(it, Part::File(_)));
    if has_files {
        // Until it is taken off again only full packets are sent.
        set_tcp_cork(stream.as_fd(), true).map_err(io::Error::from)?;
    }
    for part in parts {
        match part {
            Part::Bytes(bytes) => waiting.push(bytes),
            Part::File(range) => {
                send_bytes(stream, std::mem::take(&mut waiting), stalled).await?;
                send_file(stream, range, stalled).await?;
            }
        }
    }
    send_bytes(stream, waiting, stalled).await?;
    if has_files {
        set_tcp_cork(stream.as_fd(), false).map_err(io::Error::from)?;
    }
    Ok(())
}

async fn send_bytes(
    stream: &TcpStream,
    pieces: Vec<Bytes>,
    stalled: Duration,
) -> Result<(), Ended> {
    let mut pieces: std::collections::VecDeque<Bytes> = pieces.into();
    while !pieces.is_empty() {
        let sent = step(stream, stalled, || {
            let slices: Vec<_> = pieces
                .iter()
                .take(SLICES_MAX)
                .map(|it| IoSlice::new(it))
                .collect();
            stream.try_write_vectored(&slices)
        });
        let mut sent = sent.await?;
        while let Some(first) = pieces.front_mut() {
            if sent < first.len() {
                first.advance(sent);
                break;
            }
            sent -= first.len();
            pieces.pop_front();
        }
    }
    Ok(())
}

async fn send_file(stream: &TcpStream, range: FileRange, stalled: Duration) -> Result<(), Ended> {
    let mut position = range.position;
    let end = range.position + range.len_bytes;
    while position < end {
        let count = (end - position).min(FILE_STEP_BYTES) as usize;
        let sent = step(stream, stalled, || {
            stream.try_io(Interest::WRITABLE, || {
                let mut from = position;
                loop {
                    match rustix::fs::sendfile(
                        stream.as_fd(),
                        range.file.as_fd(),
                        Some(&mut from),
                        count,
                    ) {
                        Err(Errno::INTR) => {}
                        sent => return sent.map_err(io::Error::from),
                    }
                }
            })
        });
        match sent.await? {
            // The file is shorter than what was once written.
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            sent => position += sent as u64,
        }
    }
    Ok(())
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
