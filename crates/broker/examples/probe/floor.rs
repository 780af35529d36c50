//! The least that a broker has to do: requests off a socket, and into a file in which there is room for them.
//!
//! Nothing is checked and nothing is kept. One connection is served, and then it ends.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use rustix::fs::{FallocateFlags, fallocate};
use serde_json::{Value, json};

use crate::Result;

pub(crate) fn run(address: &str, path: &Path, bytes: u64) -> Result<Value> {
    let listener = TcpListener::bind(address)?;
    let file = File::create(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, bytes)?;
    // Whoever started us may send somebody now.
    crate::print(&json!({ "listens": true }));
    let (mut socket, _) = listener.accept()?;
    socket.set_nodelay(true)?;
    let (mut length, mut frame, mut end) = ([0; 4], Vec::new(), 0);
    let started = Instant::now();
    while socket.read_exact(&mut length).is_ok() {
        frame.resize(usize::try_from(i32::from_be_bytes(length))?, 0);
        socket.read_exact(&mut frame)?;
        file.write_all_at(&frame, end)?;
        end += frame.len() as u64;
        // The number of the request, which stands behind what it is and its version.
        let mut answer = [0, 0, 0, 4, 0, 0, 0, 0];
        answer[4..].copy_from_slice(frame.get(4..8).ok_or("a request without a number")?);
        socket.write_all(&answer)?;
    }
    Ok(json!({ "bytes": end, "seconds": started.elapsed().as_secs_f64() }))
}
