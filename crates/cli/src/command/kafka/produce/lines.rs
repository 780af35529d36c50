//! The lines of an input, as they come.

use tamis_engine::source::{Arrival, ByteStream, Opened, RandomStream, Source};

use crate::Result;

/// What is read at a time.
const READ_BYTES: usize = 256 << 10;

/// An input that is read line by line, in memory for the longest of them.
pub(super) struct Lines {
    stream: Box<dyn ByteStream>,
    buffer: Vec<u8>,
    /// Where in the buffer the next line begins.
    start: usize,
    /// Up to where it was searched for a line feed.
    searched: usize,
    /// Up to where the buffer was read into.
    end: usize,
    line_bytes_max: usize,
    /// Whether the line is too long, and its rest is passed over.
    is_passing: bool,
    is_ended: bool,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'l> {
    /// A line without its line feed.
    Line(&'l [u8]),
    /// A line that is longer than any may be.
    TooLong,
    /// Nothing at the moment.
    Idle,
    End,
}

impl Lines {
    pub(super) fn open(
        source: &dyn Source,
        threads: usize,
        line_bytes_max: usize,
    ) -> Result<Lines> {
        let stream: Box<dyn ByteStream> = match source.open()? {
            Opened::Random(region) => Box::new(RandomStream::new(region)),
            Opened::Stream(mut stream) => {
                stream.use_threads(threads);
                stream
            }
        };
        Ok(Lines {
            stream,
            buffer: vec![0; READ_BYTES],
            start: 0,
            searched: 0,
            end: 0,
            line_bytes_max,
            is_passing: false,
            is_ended: false,
        })
    }

    /// Bytes of the input as it is stored that were read, and all of them if known.
    pub(super) fn raw_bytes(&self) -> (u64, Option<u64>) {
        (self.stream.raw_bytes(), self.stream.raw_len_bytes())
    }

    pub(super) fn next(&mut self) -> Result<Next<'_>> {
        loop {
            let unseen = &self.buffer[self.searched..self.end];
            if let Some(at) = memchr::memchr(b'\n', unseen) {
                let line = self.start..self.searched + at;
                self.start = line.end + 1;
                self.searched = self.start;
                return Ok(match std::mem::take(&mut self.is_passing) {
                    true => Next::TooLong,
                    false if line.len() > self.line_bytes_max => Next::TooLong,
                    false => Next::Line(&self.buffer[line]),
                });
            }
            self.searched = self.end;
            if self.is_ended {
                return Ok(self.last());
            }
            self.make_room();
            match self.stream.read_now(&mut self.buffer[self.end..])? {
                Arrival::Bytes(count) => self.end += count,
                Arrival::Idle => return Ok(Next::Idle),
                Arrival::End | Arrival::Stopped => self.is_ended = true,
            }
        }
    }

    /// What stands behind the last line feed is a line, too.
    fn last(&mut self) -> Next<'_> {
        let line = self.start..self.end;
        self.start = self.end;
        match (std::mem::take(&mut self.is_passing), line.is_empty()) {
            (true, _) => Next::TooLong,
            (false, true) => Next::End,
            (false, false) => Next::Line(&self.buffer[line]),
        }
    }

    /// Moves half a line to the front, and has room behind it.
    fn make_room(&mut self) {
        if self.end - self.start > self.line_bytes_max {
            self.is_passing = true;
        }
        if self.is_passing {
            self.start = self.end;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.searched = self.end;
        self.start = 0;
        if self.buffer.len() - self.end < READ_BYTES / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use tamis_engine::source::MemorySource;

    use super::*;

    fn read(text: &str, line_bytes_max: usize) -> Vec<String> {
        let source = MemorySource::new("memory", text.to_owned());
        let mut lines = Lines::open(&source, 1, line_bytes_max).unwrap();
        let mut all = Vec::new();
        loop {
            match lines.next().unwrap() {
                Next::Line(line) => all.push(String::from_utf8(line.to_vec()).unwrap()),
                Next::TooLong => all.push("(too long)".to_owned()),
                Next::Idle => {}
                Next::End => return all,
            }
        }
    }

    #[test]
    fn every_line_is_one_whatever_its_end() {
        assert!(read("", 10).is_empty());
        assert_eq!(read("a\n\nb\r\nc", 10), ["a", "", "b\r", "c"]);
        assert_eq!(read("\n", 10), [""]);
        assert_eq!(read("abc\nabcd\nabc", 3), ["abc", "(too long)", "abc"]);
    }

    #[test]
    fn lines_may_be_longer_than_what_is_read_at_a_time() {
        let long = "x".repeat(3 * READ_BYTES + 7);
        let text = format!("a\n{long}\nb\n{long}");
        let expected: [&str; 4] = ["a", &long, "b", &long];
        assert_eq!(read(&text, long.len()), expected);
        let passed = ["a", "(too long)", "b", "(too long)"];
        assert_eq!(read(&text, 1000), passed);
    }
}
