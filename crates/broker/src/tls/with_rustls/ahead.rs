//! A socket of which much is read at a time.
//!
//! rustls asks for 4 KiB, again and again until it has a record of 16: each would be a call of the system. Here a whole buffer of a pool
//! is read instead, and handed out in such pieces. A connection over which nothing comes has no buffer.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::server::{BUFFER_BYTES_MIN, Buffer, Pool};

/// A socket, and what was read of it and is not yet taken.
#[derive(Debug)]
pub(crate) struct Ahead {
    socket: TcpStream,
    pool: Pool,
    /// With how much of it is taken; never all.
    arrived: Option<(Buffer, usize)>,
}

impl Ahead {
    pub(super) fn new(socket: TcpStream, pool: Pool) -> Ahead {
        Ahead {
            socket,
            pool,
            arrived: None,
        }
    }
}

impl AsyncRead for Ahead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (buffer, taken) = match self.arrived.take() {
            Some(arrived) => arrived,
            None => {
                let mut buffer = self.pool.take(BUFFER_BYTES_MIN);
                let read = pin!(self.socket.read_buf(&mut buffer.bytes)).poll(context);
                if ready!(read)? == 0 {
                    return Poll::Ready(Ok(()));
                }
                (buffer, 0)
            }
        };
        let left = &buffer.bytes[taken..];
        let count = left.len().min(into.remaining());
        into.put_slice(&left[..count]);
        if count < left.len() {
            self.arrived = Some((buffer, taken + count));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ahead {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
