//! Other encodings to UTF-8, on the way in.
//!
//! Everything behind the source is UTF-8. An input in another encoding has to be declared; it is
//! then read as a stream through a [`Transcoder`]. Bytes that the encoding does not know are an
//! error: the usual replacement character would lose data without a word.
//!
//! ```
//! use tamis_engine::source::{MemorySource, Opened, Source};
//! use tamis_formats::encoding::{Encoding, Transcoded};
//!
//! let source = MemorySource::new("m", b"caf\xE9".as_slice());
//! let encoding = Encoding::parse("latin1")?.expect("not UTF-8");
//! let Opened::Stream(mut text) = Transcoded::new(source, encoding).open()? else { unreachable!() };
//! let mut buffer = [0; 16];
//! assert_eq!(text.read(&mut buffer)?, 5);
//! assert_eq!(&buffer[..5], "café".as_bytes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use encoding_rs::{DecoderResult, UTF_8, UTF_16LE};
use tamis_engine::source::{Arrival, ByteStream, Opened, RandomStream, Source};
use tamis_engine::{Error as EngineError, Result as EngineResult};

use crate::Error;

/// How much is read and decoded at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// An encoding other than UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Latin1,
    Utf16,
    Other(&'static encoding_rs::Encoding),
}

impl Encoding {
    /// The encoding of that name; `None` for UTF-8 and ASCII, which need no transcoding.
    ///
    /// Names are those of the [WHATWG encoding standard](https://encoding.spec.whatwg.org/#names-and-labels), in
    /// any case, with these exceptions:
    /// - `latin1` and `iso-8859-1` are ISO 8859-1, where bytes 0x80 to 0x9F are control characters. The
    ///   standard takes them for `windows-1252`, which has the euro sign and curly quotes there.
    /// - `ascii` is a subset of UTF-8 and not, again, `windows-1252`.
    /// - `utf-16` is what the byte order mark says, and little-endian without one.
    ///
    /// # Errors
    /// [`Error::UnknownEncoding`].
    pub fn parse(label: &str) -> Result<Option<Encoding>, Error> {
        let name = label.trim().to_ascii_lowercase();
        let kind = match name.as_str() {
            "ascii" | "us-ascii" => return Ok(None),
            "latin1" | "latin-1" | "l1" | "iso-8859-1" | "iso8859-1" | "iso_8859-1" => Kind::Latin1,
            "utf-16" | "utf16" => Kind::Utf16,
            _ => match encoding_rs::Encoding::for_label_no_replacement(name.as_bytes()) {
                Some(encoding) if encoding == UTF_8 => return Ok(None),
                Some(encoding) => Kind::Other(encoding),
                None => {
                    let label = label.to_owned();
                    return Err(Error::UnknownEncoding { label });
                }
            },
        };
        Ok(Some(Encoding(kind)))
    }

    /// The name, as the standards write it.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Latin1 => "ISO-8859-1",
            Kind::Utf16 => "UTF-16",
            Kind::Other(encoding) => encoding.name(),
        }
    }

    fn decoder(self) -> Decoder {
        match self.0 {
            Kind::Latin1 => Decoder::Latin1,
            Kind::Utf16 => Decoder::Other(UTF_16LE.new_decoder()),
            Kind::Other(encoding) => Decoder::Other(encoding.new_decoder_with_bom_removal()),
        }
    }
}

/// A source whose bytes come out as UTF-8.
#[derive(Clone, Debug)]
pub struct Transcoded<S> {
    source: S,
    encoding: Encoding,
}

impl<S: Source> Transcoded<S> {
    /// `source`, declared to be in `encoding`.
    pub fn new(source: S, encoding: Encoding) -> Transcoded<S> {
        Transcoded { source, encoding }
    }
}

impl<S: Source> Source for Transcoded<S> {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn open(&self) -> EngineResult<Opened> {
        let input = match self.source.open()? {
            Opened::Stream(stream) => stream,
            Opened::Random(region) => Box::new(RandomStream::new(region)),
        };
        Ok(Opened::Stream(Box::new(Transcoder::new(
            input,
            self.encoding,
        ))))
    }

    fn is_repeatable(&self) -> bool {
        self.source.is_repeatable()
    }
}

/// A stream of another encoding as a stream of UTF-8, without byte order mark.
#[derive(Debug)]
pub struct Transcoder {
    input: Box<dyn ByteStream>,
    encoding: Encoding,
    decoder: Decoder,
    /// Bytes read and not decoded yet are `raw[raw_start..raw_end]`.
    raw: Box<[u8]>,
    raw_start: usize,
    raw_end: usize,
    raw_at_end: bool,
    /// Offset of `raw_start` in the input.
    byte_offset: u64,
    /// Text decoded and not handed out yet is `text[text_start..text_end]`. A character may be
    /// longer than the caller's buffer, hence a buffer of its own.
    text: Box<[u8]>,
    text_start: usize,
    text_end: usize,
    done: bool,
}

enum Decoder {
    Latin1,
    Other(encoding_rs::Decoder),
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Decoder::Latin1 => "Latin1",
            Decoder::Other(decoder) => decoder.encoding().name(),
        })
    }
}

impl Transcoder {
    /// The text of `input`, which is declared to be in `encoding`.
    pub fn new(input: Box<dyn ByteStream>, encoding: Encoding) -> Transcoder {
        Transcoder {
            input,
            encoding,
            decoder: encoding.decoder(),
            raw: vec![0; BUFFER_BYTES].into(),
            raw_start: 0,
            raw_end: 0,
            raw_at_end: false,
            byte_offset: 0,
            text: vec![0; BUFFER_BYTES].into(),
            text_start: 0,
            text_end: 0,
            done: false,
        }
    }

    /// Decodes into the empty text buffer until something is in it or the input ends; or, where nothing is to be
    /// waited for, says why there is nothing.
    fn fill(&mut self, waits: bool) -> EngineResult<Option<Arrival>> {
        self.text_start = 0;
        self.text_end = 0;
        while self.text_end == 0 && !self.done {
            if self.raw_start == self.raw_end && !self.raw_at_end {
                self.raw_start = 0;
                self.raw_end = match waits {
                    true => self.input.read(&mut self.raw)?,
                    false => match self.input.read_now(&mut self.raw)? {
                        Arrival::Bytes(count) => count,
                        Arrival::End => 0,
                        nothing => {
                            self.raw_end = 0;
                            return Ok(Some(nothing));
                        }
                    },
                };
                self.raw_at_end = self.raw_end == 0;
            }
            let raw = &self.raw[self.raw_start..self.raw_end];
            let (read, written) = match &mut self.decoder {
                Decoder::Latin1 => {
                    self.done = self.raw_at_end;
                    encoding_rs::mem::convert_latin1_to_utf8_partial(raw, &mut self.text)
                }
                Decoder::Other(decoder) => {
                    let (result, read, written) = decoder.decode_to_utf8_without_replacement(
                        raw,
                        &mut self.text,
                        self.raw_at_end,
                    );
                    if let DecoderResult::Malformed(bad, after) = result {
                        // The decoder has read `after` bytes behind the bad sequence already.
                        let bad_start = self.byte_offset + read as u64;
                        return Err(EngineError::Encoding {
                            input: self.input.name().to_owned(),
                            encoding: self.encoding.name(),
                            byte_offset: bad_start - u64::from(bad) - u64::from(after),
                        });
                    }
                    self.done = self.raw_at_end && result == DecoderResult::InputEmpty;
                    (read, written)
                }
            };
            self.raw_start += read;
            self.byte_offset += read as u64;
            self.text_end = written;
        }
        Ok(None)
    }

    /// Hands out what is decoded.
    fn give(&mut self, buffer: &mut [u8]) -> usize {
        let text = &self.text[self.text_start..self.text_end];
        let len = text.len().min(buffer.len());
        buffer[..len].copy_from_slice(&text[..len]);
        self.text_start += len;
        len
    }
}

impl ByteStream for Transcoder {
    fn name(&self) -> &str {
        self.input.name()
    }

    fn backend(&self) -> &'static str {
        self.input.backend()
    }

    fn read(&mut self, buffer: &mut [u8]) -> EngineResult<usize> {
        if self.text_start == self.text_end {
            self.fill(true)?;
        }
        Ok(self.give(buffer))
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> EngineResult<Arrival> {
        if self.text_start == self.text_end
            && let Some(nothing) = self.fill(false)?
        {
            return Ok(nothing);
        }
        Ok(match self.give(buffer) {
            0 => Arrival::End,
            count => Arrival::Bytes(count),
        })
    }

    fn use_threads(&mut self, threads: usize) {
        self.input.use_threads(threads);
    }

    fn raw_bytes(&self) -> u64 {
        self.input.raw_bytes()
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        self.input.raw_len_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_engine::source::MemorySource;

    /// Reads `bytes`, given in pieces of `step`, by as small a buffer.
    fn transcode(label: &str, bytes: &[u8], step: usize) -> EngineResult<String> {
        let source = MemorySource::new("m", bytes.to_vec()).as_stream(step);
        let encoding = Encoding::parse(label).unwrap().expect("not UTF-8");
        let Opened::Stream(mut stream) = Transcoded::new(source, encoding).open()? else {
            unreachable!("transcoding gives a stream");
        };
        let (mut text, mut buffer) = (Vec::new(), vec![0; step]);
        loop {
            let len = stream.read(&mut buffer)?;
            if len == 0 {
                return Ok(String::from_utf8(text).expect("transcoded to UTF-8"));
            }
            text.extend_from_slice(&buffer[..len]);
        }
    }

    fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes_of).collect()
    }

    #[test]
    fn text_survives_however_it_is_cut() {
        let text = "id,naïve €\r\n1,😀 \u{80}\n".repeat(5000);
        for step in [1, 3, 1000, 1 << 20] {
            for label in ["utf-16", "UTF-16LE"] {
                let bytes = utf16(&text, u16::to_le_bytes);
                assert_eq!(transcode(label, &bytes, step).unwrap(), text);
            }
            let bytes = utf16(&format!("\u{feff}{text}"), u16::to_be_bytes);
            assert_eq!(transcode("utf-16", &bytes, step).unwrap(), text);
            assert_eq!(transcode("utf-16be", &bytes, step).unwrap(), text);
        }
    }

    #[test]
    fn latin1_is_not_windows_1252() {
        assert_eq!(transcode("latin1", b"\x80\xE9", 1).unwrap(), "\u{80}\u{e9}");
        assert_eq!(transcode("windows-1252", b"\x80\xE9", 1).unwrap(), "€é");
        let every_byte: Vec<u8> = (0..=255).collect();
        let expected: String = every_byte.iter().map(|&byte| char::from(byte)).collect();
        assert_eq!(transcode("iso-8859-1", &every_byte, 7).unwrap(), expected);
    }

    #[test]
    fn bad_bytes_are_an_error_with_their_offset() {
        let lone_surrogate = utf16("ab", u16::to_le_bytes)
            .into_iter()
            .chain([0x00, 0xD8, b'c', 0]);
        let cases: [(&str, Vec<u8>, u64); 3] = [
            ("utf-16", lone_surrogate.collect(), 4),
            ("utf-16", b"a\0b".to_vec(), 2),
            ("shift_jis", b"ab\x82\x00c".to_vec(), 2),
        ];
        for (label, bytes, expected) in cases {
            for step in [1, 2, 100] {
                let error = transcode(label, &bytes, step).unwrap_err();
                let EngineError::Encoding { byte_offset, .. } = error else {
                    panic!("{error}");
                };
                assert_eq!(byte_offset, expected, "{label} in steps of {step}");
            }
        }
    }

    #[test]
    fn labels() {
        for utf8 in ["utf-8", "UTF8", "ascii"] {
            assert_eq!(Encoding::parse(utf8), Ok(None));
        }
        assert_eq!(
            Encoding::parse("Latin-1").unwrap().unwrap().name(),
            "ISO-8859-1"
        );
        assert_eq!(
            Encoding::parse("cp1252").unwrap().unwrap().name(),
            "windows-1252"
        );
        assert!(Encoding::parse("ebcdic").is_err());
    }
}
