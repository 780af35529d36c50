//! A connection to a broker: requests out, answers in, in order.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{
    Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer,
};

use crate::Result;

/// Where the number that an answer repeats stands in a request, its length included.
const CORRELATION_AT: usize = 8;

/// No broker takes longer over anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// A connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) writer: TcpStream,
    pub(crate) reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Result<Client> {
        let address: SocketAddr = address
            .to_socket_addrs()?
            .next()
            .ok_or("the address is of nobody")?;
        let writer = TcpStream::connect_timeout(&address, PATIENCE)?;
        writer.set_nodelay(true)?;
        writer.set_read_timeout(Some(PATIENCE))?;
        let reader = BufReader::with_capacity(256 << 10, writer.try_clone()?);
        Ok(Client { writer, reader })
    }

    /// Asks, and waits for the answer.
    pub(crate) fn ask<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response> {
        self.writer.write_all(&encode(request, version)?)?;
        let answer = self.answer()?;
        decode::<R>(answer, version)
    }

    /// The next answer, behind its length.
    pub(crate) fn answer(&mut self) -> Result<Bytes> {
        let mut length = [0; 4];
        self.reader.read_exact(&mut length)?;
        let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length))?];
        self.reader.read_exact(&mut answer)?;
        Ok(answer.into())
    }
}

/// A request as it goes over the socket, its length in front.
pub(crate) fn encode<R: Request>(request: &R, version: i16) -> Result<Vec<u8>> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_client_id(Some(StrBytes::from_static_str("probe")));
    let mut frame = BytesMut::from(&[0; 4][..]);
    encode_request_header_into_buffer(&mut frame, &header)?;
    request.encode(&mut frame, version)?;
    let length = i32::try_from(frame.len() - 4)?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame.to_vec())
}

/// Gives a request its number.
pub(crate) fn number(frame: &mut [u8], correlation_id: i32) {
    frame[CORRELATION_AT..CORRELATION_AT + 4].copy_from_slice(&correlation_id.to_be_bytes());
}

/// An answer to a request of this kind.
pub(crate) fn decode<R: Request>(answer: Bytes, version: i16) -> Result<R::Response> {
    let mut answer = answer;
    ResponseHeader::decode(&mut answer, R::Response::header_version(version))?;
    Ok(R::Response::decode(&mut answer, version)?)
}
