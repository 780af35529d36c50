//! What the engine promises to its users, by subject.

mod compressed;
mod digest;
mod files;
mod follow;
mod mapping;
mod pieces;
mod sinks;
mod streams;

use tamis_engine::Result;
use tamis_engine::source::{Opened, Source};

/// All bytes of `source`, read in `step`s, and the back end they came from.
fn read_all(source: &dyn Source, step: usize) -> Result<(Vec<u8>, &'static str)> {
    let mut all = Vec::new();
    let backend = match source.open()? {
        Opened::Random(bytes) => {
            for start in (0..bytes.len_bytes()).step_by(step) {
                let range = start..start + step as u64;
                bytes.with_range(range.clone(), &mut |seen| all.extend_from_slice(seen))?;
                bytes.release(range);
            }
            bytes.verify()?;
            bytes.backend()
        }
        Opened::Stream(mut stream) => {
            let mut buffer = vec![0; step];
            loop {
                let count = stream.read(&mut buffer)?;
                if count == 0 {
                    break;
                }
                all.extend_from_slice(&buffer[..count]);
            }
            stream.backend()
        }
    };
    Ok((all, backend))
}

/// Text that compresses as tables do: `len` bytes of small records.
fn sample(len: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut text = Vec::with_capacity(len + 32);
    while text.len() < len {
        text.extend_from_slice(format!("TX{:010},{},DE\n", rng.u32(..), rng.u16(..)).as_bytes());
    }
    text.truncate(len);
    text
}
