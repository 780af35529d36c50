//! Access logs to order: a day of a busy web server, in nginx's combined format with the request time behind it.
//!
//! What makes a log hard to add up is in it: few paths and clients that come often and many that hardly do (Zipf's law), times
//! that are in order but for some seconds, and twenty minutes in which things went wrong. Every line is a pure function of
//! the seed, its number and the number of lines; all arithmetic is in integers, so that no machine writes other bytes.

use std::num::NonZero;

use tamis_engine::control::{Cancel, Progress};
use tamis_engine::sink::Sink;

use super::fault::Fault;
use super::parallel::{self, Maker};
use super::random::{RowRandom, below, mix};
use super::text::Text;
use crate::{Error, Result};

/// Clients: 2^17, of which about 100,000 are in a log of some million lines.
const CLIENT_BITS: u32 = 17;

/// More lines than seconds have microseconds in a century: where the arithmetic ends.
const LINES_MAX: u64 = 1 << 42;

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

const PREFIXES: [&str; 8] = [
    "/products/",
    "/api/v1/items/",
    "/articles/2026/11/",
    "/images/thumbnails/large/",
    "/static/js/chunk-",
    "/users/profile/",
    "/search/results/page/",
    "/download/file-",
];

const QUERIES: [&str; 4] = [
    "?page=2",
    "?sort=price&order=asc",
    "?utm_source=newsletter&utm_medium=email",
    "?q=winter+boots&size=42",
];

const REFERERS: [&str; 4] = [
    "-",
    "-",
    "https://www.example.com/",
    "https://search.example.net/?q=boots",
];

const AGENTS: [&str; 8] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/8.5.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
];

/// What access log to generate.
#[derive(Clone, Copy, Debug)]
pub struct AccessLog {
    /// Number of lines.
    pub lines: u64,
    /// Other seeds give other values.
    pub seed: u64,
    /// Paths there are to ask for, rounded up to a power of two; at most 2^32.
    pub paths: u64,
}

impl AccessLog {
    /// Writes the log to `sink`, which is left to the caller to finish, as [`super::Recipe::write`] does; how many bytes.
    ///
    /// # Errors
    /// [`Error::TooManyRows`] for more lines than there are, [`Error::Engine`] if `sink` fails, and soon after `cancel` is
    /// cancelled.
    pub fn write(
        &self,
        sink: &mut dyn Sink,
        threads: NonZero<usize>,
        cancel: &Cancel,
        progress: &Progress,
    ) -> Result<u64> {
        if self.lines > LINES_MAX {
            return Err(Error::TooManyRows {
                rows: self.lines,
                limit: LINES_MAX,
            });
        }
        let maker = LineMaker {
            seed: self.seed,
            lines: self.lines,
            path_bits: self.paths.clamp(1, 1 << 32).next_power_of_two().ilog2(),
        };
        let made = parallel::write(&maker, self.lines, sink, threads, cancel, progress)?;
        Ok(made.bytes)
    }
}

/// Makes the lines of one log, in any order.
#[derive(Debug)]
struct LineMaker {
    seed: u64,
    lines: u64,
    path_bits: u32,
}

impl Maker for LineMaker {
    fn header(&self) -> &[u8] {
        b""
    }

    fn push(&self, number: u64, out: &mut Vec<u8>) -> Option<Fault> {
        let random = RowRandom::new(self.seed, number);
        let [who, what, how, when] = [0, 1, 2, 3].map(|draw| random.draw(draw));
        // A request is logged when it ends, up to four seconds after it began.
        let second = (u128::from(number) * 86_400 / u128::from(self.lines)) as u32;
        let second = second.saturating_sub(below(when as u32, 5) & below((when >> 32) as u32, 5));
        // From 14:20 to 14:40.
        let is_incident = (51_600..52_800).contains(&second);

        push_client(mix(self.seed ^ mix(zipf(who, CLIENT_BITS))), out);
        out.extend_from_slice(b" - - [20/Nov/2026:");
        push_time(second, out);
        out.extend_from_slice(b" +0000] \"");
        let is_read = how & 15 != 0;
        let method = if is_read { 0 } else { (how >> 4) as usize % 4 };
        out.extend_from_slice(METHODS[method].as_bytes());
        out.push(b' ');
        self.push_path(what, out);
        if how >> 8 & 3 == 0 {
            out.extend_from_slice(QUERIES[(how >> 10) as usize % 4].as_bytes());
        }
        out.extend_from_slice(b" HTTP/1.1\" ");
        let status = status((how >> 16) as u32 & 0x3FF, is_incident);
        push_number(status, out);
        out.push(b' ');
        let bytes = if status == 304 {
            0
        } else {
            zipf(mix(how), 20) + 150
        };
        push_number(bytes as u32, out);
        out.extend_from_slice(b" \"");
        out.extend_from_slice(REFERERS[(how >> 32) as usize % 4].as_bytes());
        out.extend_from_slice(b"\" \"");
        out.extend_from_slice(AGENTS[(how >> 40) as usize % 8].as_bytes());
        out.extend_from_slice(b"\" ");
        let slowness = if is_incident { 12 } else { 1 };
        push_thousandths(zipf(mix(when), 11) as u32 * slowness, out);
        out.push(b'\n');
        None
    }
}

impl LineMaker {
    /// A path, the first ones most often.
    fn push_path(&self, bits: u64, out: &mut Vec<u8>) {
        let rank = zipf(bits, self.path_bits);
        out.extend_from_slice(PREFIXES[mix(rank ^ self.seed) as usize % 8].as_bytes());
        push_number(rank as u32, out);
    }
}

/// A number from 0 to `2^bits - 1`, `n` with a likelihood of about `1 / (n + 1)`: Zipf's law, in steps of powers of two.
fn zipf(random: u64, bits: u32) -> u64 {
    let power = below(random as u32, bits.max(1));
    let floor = 1_u64 << power;
    floor - 1 + ((random >> 32) & (floor - 1))
}

/// Of 1024 requests how many have which status.
fn status(draw: u32, is_incident: bool) -> u32 {
    match draw {
        0..200 if is_incident => 502,
        200..260 if is_incident => 504,
        0..880 => 200,
        880..950 => 304,
        950..980 => 404,
        980..1000 => 302,
        1000..1015 => 201,
        1015..1021 => 403,
        _ => 500,
    }
}

fn push_client(bits: u64, out: &mut Vec<u8>) {
    for (place, byte) in bits.to_le_bytes()[..4].iter().enumerate() {
        if place > 0 {
            out.push(b'.');
        }
        push_number(u32::from(*byte), out);
    }
}

fn push_time(second: u32, out: &mut Vec<u8>) {
    let mut text = Text::default();
    text.push_pair(second / 3600);
    text.push(b":");
    text.push_pair(second / 60 % 60);
    text.push(b":");
    text.push_pair(second % 60);
    out.extend_from_slice(text.as_bytes());
}

fn push_number(value: u32, out: &mut Vec<u8>) {
    let mut text = Text::default();
    text.push_number(value);
    out.extend_from_slice(text.as_bytes());
}

/// `1.234`.
fn push_thousandths(value: u32, out: &mut Vec<u8>) {
    push_number(value / 1000, out);
    let mut text = Text::default();
    text.push(b".");
    text.push(&[b'0' + (value / 100 % 10) as u8]);
    text.push_pair(value % 100);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use tamis_engine::sink::MemorySink;

    use super::*;

    fn log(lines: u64, threads: usize) -> String {
        let recipe = AccessLog {
            lines,
            seed: 1,
            paths: 10_000,
        };
        let (mut sink, output) = MemorySink::new("log");
        let threads = NonZero::new(threads).expect("not zero");
        let written = recipe.write(&mut sink, threads, &Cancel::new(), &Progress::new());
        Box::new(sink).finish().expect("memory takes it");
        let bytes = output.bytes().expect("finished").to_vec();
        assert_eq!(written.expect("a good recipe"), bytes.len() as u64);
        String::from_utf8(bytes).expect("ASCII")
    }

    #[test]
    fn the_bytes_are_the_same_for_any_number_of_threads() {
        let alone = log(20_000, 1);
        assert_eq!(alone.lines().count(), 20_000);
        assert!(
            alone.starts_with("202.217.167.200 - - [20/Nov/2026:00:00:00 +0000] \"GET /"),
            "{}",
            &alone[..100]
        );
        assert_eq!(log(20_000, 3), alone);
    }

    #[test]
    fn small_numbers_are_frequent() {
        let draws = || (0..100_000_u64).map(|number| zipf(mix(number), 10));
        let of = |wanted: u64| draws().filter(|value| *value == wanted).count();
        assert!((9_700..10_300).contains(&of(0)), "{}", of(0));
        assert!((4_700..5_300).contains(&of(1)), "{}", of(1));
        assert!(draws().all(|value| value < 1 << 10));
    }
}
