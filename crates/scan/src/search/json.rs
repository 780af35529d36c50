//! ripgrep's JSON lines: `begin`, `match`, `context`, `end` and `summary`.
//!
//! Text is an object `{"text": ...}`, or `{"bytes": ...}` with base64 where it is no UTF-8
//! (<https://docs.rs/grep-printer/latest/grep_printer/struct.JSON.html>). What depends on nothing but a line is written by the worker that found it; line
//! numbers are put in by the merge.

use std::time::Duration;

use grep_matcher::Match;

use super::stats::Stats;

/// A message about a line, up to its number; then comes [`write_after_number`].
pub(super) fn write_before_number(out: &mut Vec<u8>, kind: &str, name: &[u8], line: &[u8]) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"data\":{\"path\":");
    out.extend_from_slice(name);
    out.extend_from_slice(b",\"lines\":");
    write_data(out, line);
    out.extend_from_slice(b",\"line_number\":");
}

/// The rest of the message: where the line is, and the matches in it with what would stand in their place.
pub(super) fn write_after_number(
    out: &mut Vec<u8>,
    byte_offset: u64,
    line: &[u8],
    matches: &[Match],
    replaced: Option<(&[u8], &[Match])>,
) {
    out.extend_from_slice(b",\"absolute_offset\":");
    write_number(out, byte_offset);
    out.extend_from_slice(b",\"submatches\":[");
    for (index, found) in matches.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"match\":");
        write_data(out, &line[*found]);
        if let Some((text, places)) = replaced {
            out.extend_from_slice(b",\"replacement\":");
            write_data(out, &text[places[index]]);
        }
        out.extend_from_slice(b",\"start\":");
        write_number(out, found.start() as u64);
        out.extend_from_slice(b",\"end\":");
        write_number(out, found.end() as u64);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}}\n");
}

/// The message before an input's first line.
pub(super) fn write_begin(out: &mut Vec<u8>, name: &[u8]) {
    out.extend_from_slice(b"{\"type\":\"begin\",\"data\":{\"path\":");
    out.extend_from_slice(name);
    out.extend_from_slice(b"}}\n");
}

/// The message behind an input's last line.
pub(super) fn write_end(out: &mut Vec<u8>, name: &[u8], binary_offset: Option<u64>, stats: &Stats) {
    out.extend_from_slice(b"{\"type\":\"end\",\"data\":{\"path\":");
    out.extend_from_slice(name);
    out.extend_from_slice(b",\"binary_offset\":");
    match binary_offset {
        Some(offset) => write_number(out, offset),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"stats\":{\"elapsed\":");
    write_duration(out, stats.elapsed);
    write_counts(out, stats);
    out.extend_from_slice(b"}}}\n");
}

/// The message behind all inputs. Its keys are in alphabetical order, as ripgrep has them there.
pub(super) fn write_summary(out: &mut Vec<u8>, stats: &Stats, elapsed: Duration) {
    let fields = [
        ("bytes_printed", stats.bytes_printed),
        ("bytes_searched", stats.bytes_searched),
    ];
    let more = [
        ("matched_lines", stats.matched_lines),
        ("matches", stats.matches),
        ("searches", stats.searches),
        ("searches_with_match", stats.searches_with_match),
    ];
    out.extend_from_slice(b"{\"data\":{\"elapsed_total\":");
    write_sorted_duration(out, elapsed);
    out.extend_from_slice(b",\"stats\":{");
    for (key, number) in fields {
        out.extend_from_slice(format!("\"{key}\":{number},").as_bytes());
    }
    out.extend_from_slice(b"\"elapsed\":");
    write_sorted_duration(out, stats.elapsed);
    for (key, number) in more {
        out.extend_from_slice(format!(",\"{key}\":{number}").as_bytes());
    }
    out.extend_from_slice(b"}},\"type\":\"summary\"}\n");
}

fn write_counts(out: &mut Vec<u8>, stats: &Stats) {
    let fields = [
        ("searches", stats.searches),
        ("searches_with_match", stats.searches_with_match),
        ("bytes_searched", stats.bytes_searched),
        ("bytes_printed", stats.bytes_printed),
        ("matched_lines", stats.matched_lines),
        ("matches", stats.matches),
    ];
    for (key, number) in fields {
        out.extend_from_slice(format!(",\"{key}\":{number}").as_bytes());
    }
}

fn write_duration(out: &mut Vec<u8>, duration: Duration) {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    let human = duration.as_secs_f64();
    out.extend_from_slice(
        format!("{{\"secs\":{seconds},\"nanos\":{nanos},\"human\":\"{human:.6}s\"}}").as_bytes(),
    );
}

fn write_sorted_duration(out: &mut Vec<u8>, duration: Duration) {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    let human = duration.as_secs_f64();
    out.extend_from_slice(
        format!("{{\"human\":\"{human:.6}s\",\"nanos\":{nanos},\"secs\":{seconds}}}").as_bytes(),
    );
}

/// A text, or base64 where it is none.
pub(super) fn write_data(out: &mut Vec<u8>, bytes: &[u8]) {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => {
            out.extend_from_slice(b"{\"text\":");
            serde_json::to_writer(&mut *out, text).expect("a vector takes everything");
        }
        Err(_) => {
            out.extend_from_slice(b"{\"bytes\":\"");
            write_base64(out, bytes);
            out.push(b'"');
        }
    }
    out.push(b'}');
}

fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// RFC 4648 section 4.
fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let mut bits = [0; 4];
        bits[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(bits);
        for digit in 0..4 {
            out.push(match digit <= group.len() {
                true => ALPHABET[(bits >> (18 - 6 * digit) & 63) as usize],
                false => b'=',
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 4648 section 10.
    #[test]
    fn bytes_are_base64() {
        let encoded = |bytes: &[u8]| {
            let mut out = Vec::new();
            write_base64(&mut out, bytes);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(encoded(b""), "");
        assert_eq!(encoded(b"f"), "Zg==");
        assert_eq!(encoded(b"fo"), "Zm8=");
        assert_eq!(encoded(b"foo"), "Zm9v");
        assert_eq!(encoded(b"foob"), "Zm9vYg==");
        assert_eq!(encoded(b"fooba"), "Zm9vYmE=");
        assert_eq!(encoded(b"foobar"), "Zm9vYmFy");
    }
}
