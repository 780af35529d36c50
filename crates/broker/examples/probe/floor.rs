//! The least that a broker has to do: requests off a socket, and into a file in which there is room for them.
//!
//! Nothing is checked and nothing is kept. With `flush_ms=100` the file is made durable ten times a second, as a broker does that promises it, or else
//! that is left to the system. One connection is served, and then it ends.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate};
use serde_json::{Value, json};

use crate::{Result, settings};

pub(crate) fn run(address: &str, path: &Path, bytes: u64, words: &[&str]) -> Result<Value> {
    settings::check(words, &["flush_ms"])?;
    let flush_ms = settings::number(words, "flush_ms", 0)?;
    let listener = TcpListener::bind(address)?;
    let file = File::create(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, bytes)?;
    // Whoever started us may send somebody now.
    crate::print(&json!({ "listens": true }));
    let (mut socket, _) = listener.accept()?;
    socket.set_nodelay(true)?;
    let started = Instant::now();
    let (ended, is_over) = mpsc::channel();
    let end = thread::scope(|scope| {
        let every = (flush_ms > 0).then_some(Duration::from_millis(flush_ms));
        let file = &file;
        let flushing = every.map(|every| scope.spawn(move || flush(file, every, &is_over)));
        let end = serve(&mut socket, file);
        drop(ended);
        let flushed = flushing.map(|it| it.join().map_err(|_| "flushing panicked")?);
        flushed.transpose()?;
        end
    })?;
    Ok(json!({ "bytes": end, "seconds": started.elapsed().as_secs_f64() }))
}

/// Takes requests until nobody sends any more; returns how many bytes they had.
fn serve(socket: &mut TcpStream, file: &File) -> Result<u64> {
    let (mut length, mut frame, mut end) = ([0; 4], Vec::new(), 0);
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
    Ok(end)
}

/// Makes the file durable again and again.
fn flush(file: &File, every: Duration, is_over: &Receiver<()>) -> Result<()> {
    while is_over.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        file.sync_data()?;
    }
    Ok(())
}
