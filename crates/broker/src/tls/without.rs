//! TLS in a build without it: nobody can have it, and whoever wants it is told.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{Counts, Failed, TlsFiles};
use crate::{Error, Result};

/// There is none.
#[derive(Clone, Debug)]
pub(crate) struct Tls(Infallible);

/// There is none.
#[derive(Debug)]
pub(crate) struct TlsStream(Infallible);

impl Tls {
    pub(crate) fn load(_files: &TlsFiles) -> Result<Tls> {
        Err(Error::WithoutTls)
    }

    pub(crate) fn knows_clients(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn expires_in_seconds(&self) -> i64 {
        match self.0 {}
    }

    pub(crate) fn tell_validity(&self) {
        match self.0 {}
    }

    pub(crate) fn renew(&self) {
        match self.0 {}
    }

    pub(crate) fn counts(&self) -> &Counts {
        match self.0 {}
    }

    pub(crate) async fn accept(
        &self,
        _stream: TcpStream,
        _peer: SocketAddr,
        _patience: Duration,
    ) -> Result<TlsStream, Failed> {
        match self.0 {}
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        _into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        _bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}
