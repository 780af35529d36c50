//! JSON's tokens, read in place from whole lines.
//!
//! Every function takes the offset it reads from and returns the offset behind what it read; nothing
//! is copied. A newline ends a line and so never counts as white space here; asking for a byte behind
//! the end of the text gives a newline as well, which makes every line look terminated and ends every
//! token.
//!
//! Where a string ends is not searched for: a bitmap made once per window says which bytes can stop
//! one ([`Kernel::json_stops`](tamis_engine::kernel::Kernel::json_stops)), so finding the end costs
//! one load and one bit scan, whatever the length.

use super::number;
use super::string;
use crate::Kind;

/// Containers may be nested this deep, the record's own object included: serde_json's limit.
pub(super) const DEPTH_MAX: usize = 127;

/// Why a line is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    /// The byte that could not be taken.
    pub(super) at: usize,
    /// What should have stood there.
    pub(super) expected: &'static str,
}

impl Stop {
    /// The error of every function here.
    #[cold]
    pub(super) fn err<T>(at: usize, expected: &'static str) -> Result<T, Stop> {
        Err(Stop { at, expected })
    }
}

/// A value and where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub(super) kind: Kind,
    /// First byte of the span, as [`Kind`] defines it.
    pub(super) start: usize,
    /// Behind the last byte of the span.
    pub(super) end: usize,
    /// Behind the value: a string's closing quote is not in its span.
    pub(super) next: usize,
}

/// Whole lines of text and the bitmap of the bytes that stop a string.
#[derive(Clone, Copy)]
pub(super) struct Lexer<'a> {
    text: &'a [u8],
    stops: &'a [u8],
}

impl<'a> Lexer<'a> {
    /// `stops` is what `Kernel::json_stops` made of `text`.
    pub(super) fn new(text: &'a [u8], stops: &'a [u8]) -> Self {
        Self { text, stops }
    }

    /// The whole text.
    pub(super) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The byte at an offset; behind the end, a newline.
    #[inline(always)]
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(b'\n')
    }

    /// Skips white space inside a line.
    #[inline(always)]
    pub(super) fn space(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), b' ' | b'\t' | b'\r') {
            at += 1;
        }
        at
    }

    /// Where the line that holds `at` ends: behind its newline.
    pub(super) fn line_end(&self, at: usize) -> usize {
        memchr::memchr(b'\n', &self.text[at..]).map_or(self.text.len(), |found| at + found + 1)
    }

    /// Reads any value, after white space; `depth` containers are open around it.
    #[inline(always)]
    pub(super) fn value(&self, at: usize, depth: usize) -> Result<Value, Stop> {
        match self.byte(at) {
            b'"' => {
                let (end, escaped) = self.string(at + 1)?;
                Ok(Value {
                    kind: if escaped {
                        Kind::EscapedString
                    } else {
                        Kind::String
                    },
                    start: at + 1,
                    end,
                    next: end + 1,
                })
            }
            b'0'..=b'9' | b'-' => {
                let end = self.number(at)?;
                Ok(Value {
                    kind: Kind::Number,
                    start: at,
                    end,
                    next: end,
                })
            }
            _ => self.other_value(at, depth),
        }
    }

    /// Reads a value that is neither string nor number, or that has white space before it.
    #[inline(never)]
    fn other_value(&self, at: usize, depth: usize) -> Result<Value, Stop> {
        let at = self.space(at);
        let (kind, end) = match self.byte(at) {
            b'"' | b'0'..=b'9' | b'-' => return self.value(at, depth),
            b'{' => (Kind::Object, self.container(at, depth)?),
            b'[' => (Kind::Array, self.container(at, depth)?),
            b't' => (Kind::Boolean, self.word(at, b"true")?),
            b'f' => (Kind::Boolean, self.word(at, b"false")?),
            b'n' => {
                let next = self.word(at, b"null")?;
                return Ok(Value {
                    kind: Kind::Null,
                    start: at,
                    end: at,
                    next,
                });
            }
            _ => return Stop::err(at, "a value"),
        };
        Ok(Value {
            kind,
            start: at,
            end,
            next: end,
        })
    }

    /// Reads a string from behind its opening quote: the offset of the closing quote, and whether
    /// there are escapes.
    #[inline(always)]
    pub(super) fn string(&self, at: usize) -> Result<(usize, bool), Stop> {
        let end = self.stop(at);
        if self.byte(end) == b'"' {
            return Ok((end, false));
        }
        self.escaped_string(end)
    }

    /// Goes on in a string from its first backslash or control character.
    #[inline(never)]
    fn escaped_string(&self, mut at: usize) -> Result<(usize, bool), Stop> {
        loop {
            match self.byte(at) {
                b'"' => return Ok((at, true)),
                b'\\' => at = self.stop(string::escape(self.text, at)?.1),
                b'\n' => return Stop::err(at, "a closing quote"),
                _ => return Stop::err(at, "a control character to be escaped"),
            }
        }
    }

    /// The first byte from `at` on that can stop a string: quote, backslash or control character.
    #[inline(always)]
    fn stop(&self, at: usize) -> usize {
        let (byte, bit) = (at / 8, at % 8);
        let word = self
            .stops
            .get(byte..byte + 8)
            .map_or(u64::MAX, |eight| read_u64(eight) >> bit);
        if word != 0 {
            at + word.trailing_zeros() as usize
        } else {
            self.far_stop(byte + 8)
        }
    }

    /// [`Self::stop`] from a byte of the bitmap on. Its last word is all ones, so this ends.
    #[inline(never)]
    fn far_stop(&self, mut byte: usize) -> usize {
        while let Some(eight) = self.stops.get(byte..byte + 8) {
            let word = read_u64(eight);
            if word != 0 {
                return byte * 8 + word.trailing_zeros() as usize;
            }
            byte += 8;
        }
        // What is left is shorter than a word and lies in the bits behind the text.
        self.text.len()
    }

    /// Reads a number that starts at `start`, by JSON's grammar and within the range of a double.
    #[inline(always)]
    fn number(&self, start: usize) -> Result<usize, Stop> {
        let integer = start + usize::from(self.byte(start) == b'-');
        let mut at = self.digits(integer);
        if at == integer {
            return Stop::err(at, "a digit");
        }
        if self.byte(integer) == b'0' && at > integer + 1 {
            return Stop::err(integer + 1, "no digit after a leading zero");
        }
        if self.byte(at) == b'.' {
            let fraction = at + 1;
            at = self.digits(fraction);
            if at == fraction {
                return Stop::err(at, "a digit");
            }
        }
        if self.byte(at) | 0x20 == b'e' || at - start > number::SAFE_LEN {
            return self.large_number(start, at);
        }
        Ok(at)
    }

    /// Ends a number that may have an exponent, or be out of range by its mere length.
    #[inline(never)]
    fn large_number(&self, start: usize, mut at: usize) -> Result<usize, Stop> {
        if self.byte(at) | 0x20 == b'e' {
            at += 1;
            at += usize::from(matches!(self.byte(at), b'+' | b'-'));
            let exponent = at;
            at = self.digits(exponent);
            if at == exponent {
                return Stop::err(at, "a digit");
            }
        }
        if !number::is_in_range(&self.text[start..at]) {
            return Stop::err(start, "a number within the range of a double");
        }
        Ok(at)
    }

    /// Skips decimal digits, eight at a time.
    #[inline(always)]
    fn digits(&self, mut at: usize) -> usize {
        while let Some(eight) = self.text.get(at..at + 8) {
            // A digit xor b'0' is 0..=9; what is above 9 carries into the high bit of its byte.
            let word = read_u64(eight) ^ 0x3030_3030_3030_3030;
            let sum = (word & 0x7f7f_7f7f_7f7f_7f7f) + 0x7676_7676_7676_7676;
            let others = (sum | word) & 0x8080_8080_8080_8080;
            if others != 0 {
                return at + others.trailing_zeros() as usize / 8;
            }
            at += 8;
        }
        while self.byte(at).is_ascii_digit() {
            at += 1;
        }
        at
    }

    /// Reads one of the three words of JSON.
    fn word(&self, at: usize, word: &'static [u8]) -> Result<usize, Stop> {
        for (position, &expected) in word.iter().enumerate() {
            if self.byte(at + position) != expected {
                return Stop::err(at + position, "`true`, `false` or `null`");
            }
        }
        Ok(at + word.len())
    }

    /// Reads a key with its colon, up to the value behind them: the key's span and the value's offset.
    pub(super) fn key(&self, at: usize) -> Result<(Value, usize), Stop> {
        if self.byte(at) != b'"' {
            return Stop::err(at, "a key in quotes");
        }
        let key = self.value(at, 0)?;
        let colon = self.space(key.next);
        if self.byte(colon) != b':' {
            return Stop::err(colon, "`:`");
        }
        Ok((key, self.space(colon + 1)))
    }

    /// Reads an object or array that nobody looks into, with `depth` containers around it.
    ///
    /// A stack of bits (1: object, 0: array) instead of recursion: the depth is bounded, and so is
    /// this function's memory.
    fn container(&self, mut at: usize, depth: usize) -> Result<usize, Stop> {
        let mut stack = 0_u128;
        let mut open = 0;
        loop {
            // A value starts at `at`.
            match self.byte(at) {
                byte @ (b'{' | b'[') => {
                    if depth + open >= DEPTH_MAX {
                        return Stop::err(at, "at most 127 levels of nesting");
                    }
                    open += 1;
                    stack = stack << 1 | u128::from(byte == b'{');
                    at = self.space(at + 1);
                    match (byte, self.byte(at)) {
                        (b'{', b'}') | (b'[', b']') => {}
                        (b'{', _) => {
                            at = self.key(at)?.1;
                            continue;
                        }
                        _ => continue,
                    }
                }
                _ => at = self.value(at, depth + open)?.next,
            }
            // A value has ended, or an empty container is about to end.
            loop {
                at = self.space(at);
                let in_object = stack & 1 == 1;
                match (self.byte(at), in_object) {
                    (b',', true) => {
                        at = self.key(self.space(at + 1))?.1;
                        break;
                    }
                    (b',', false) => {
                        at = self.space(at + 1);
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        at += 1;
                        open -= 1;
                        stack >>= 1;
                        if open == 0 {
                            return Ok(at);
                        }
                    }
                    (_, true) => return Stop::err(at, "`,` or `}`"),
                    (_, false) => return Stop::err(at, "`,` or `]`"),
                }
            }
        }
    }
}

/// Eight bytes as a little-endian word: the first byte is the lowest.
#[inline(always)]
fn read_u64(eight: &[u8]) -> u64 {
    u64::from_le_bytes(eight.try_into().expect("a slice of eight bytes"))
}
