//! A track of a movie: what it is, how it is packed, how long it lasts.

use super::super::finding::Part;
use super::super::reader::{Cursor, Parsed};
use super::{Duration, each, version};

/// What the boxes of a track say.
#[derive(Default)]
pub(super) struct Track {
    /// `vide`, `soun`, ...
    handler: Option<[u8; 4]>,
    codec: Option<[u8; 4]>,
    duration: Duration,
    samples: Option<u32>,
    language: Option<String>,
    /// As stored, in pixels.
    coded: Option<(u16, u16)>,
    /// As shown, in 65,536ths.
    shown: (u32, u32),
    /// Degrees, clockwise, if it is a right angle.
    rotation: Option<u16>,
    channels: Option<u16>,
    samples_per_second: Option<u32>,
}

impl Track {
    pub(super) fn read(content: Cursor<'_>) -> Parsed<Track> {
        let mut track = Track::default();
        each(content, |inner| match &inner.name {
            b"tkhd" => track.header(inner.content),
            b"mdia" => track.media(inner.content),
            _ => Ok(()),
        })?;
        Ok(track)
    }

    /// Width and height, as stored.
    pub(super) fn pixels(&self) -> Option<(u16, u16)> {
        self.coded
    }

    fn header(&mut self, mut content: Cursor<'_>) -> Parsed<()> {
        // Two times, a number, a gap and a duration; then layer, group, volume.
        let times_bytes = match version(&mut content)? {
            0 => 20,
            _ => 32,
        };
        content.skip(times_bytes + 16, "the times of a track")?;
        let (a, b) = (content.u32("a matrix")?, content.u32("a matrix")?);
        self.rotation = match (a as i32 >> 16, b as i32 >> 16) {
            (0, 1) => Some(90),
            (-1, 0) => Some(180),
            (0, -1) => Some(270),
            _ => None,
        };
        content.skip(28, "a matrix")?;
        self.shown = (content.u32("the width")?, content.u32("the height")?);
        Ok(())
    }

    fn media(&mut self, content: Cursor<'_>) -> Parsed<()> {
        each(content, |mut inner| match &inner.name {
            b"mdhd" => {
                self.duration = Duration::read(&mut inner.content)?;
                self.language = language(inner.content.u16("a language")?);
                Ok(())
            }
            b"hdlr" => {
                inner.content.skip(8, "the kind of a track")?;
                self.handler = Some(inner.content.array("the kind of a track")?);
                Ok(())
            }
            b"minf" => each(inner.content, |inner| match &inner.name {
                b"stbl" => self.samples(inner.content),
                _ => Ok(()),
            }),
            _ => Ok(()),
        })
    }

    fn samples(&mut self, content: Cursor<'_>) -> Parsed<()> {
        each(content, |mut inner| match &inner.name {
            b"stsd" => self.description(inner.content),
            b"stsz" | b"stz2" => {
                inner.content.skip(8, "the sizes of samples")?;
                self.samples = Some(inner.content.u32("the number of samples")?);
                Ok(())
            }
            _ => Ok(()),
        })
    }

    /// Reads the first entry of the descriptions of samples.
    fn description(&mut self, mut content: Cursor<'_>) -> Parsed<()> {
        version(&mut content)?;
        if content.u32("the number of descriptions")? == 0 {
            return Ok(());
        }
        content.skip(4, "the size of a description")?;
        self.codec = Some(content.array("a codec")?);
        content.skip(8, "the place of the data")?;
        match self.handler.as_ref() {
            Some(b"vide") => {
                content.skip(16, "a description of video")?;
                let (width, height) = (content.u16("the width")?, content.u16("the height")?);
                self.coded = Some((width, height));
            }
            Some(b"soun") => {
                content.skip(8, "a description of sound")?;
                self.channels = Some(content.u16("the number of channels")?);
                content.skip(6, "the bits of a sample")?;
                self.samples_per_second = Some(content.u32("the sampling rate")? >> 16);
            }
            _ => {}
        }
        Ok(())
    }

    /// The track as an entry of a file.
    pub(super) fn into_part(self, number: u64, start: u64, bytes: u64) -> Part {
        let kind = match self.handler.as_ref() {
            Some(b"vide") => "video".to_owned(),
            Some(b"soun") => "audio".to_owned(),
            Some(b"text" | b"sbtl" | b"subt") => "text".to_owned(),
            Some(b"tmcd") => "time code".to_owned(),
            Some(b"hint") => "hint".to_owned(),
            Some(b"meta") => "metadata".to_owned(),
            Some(other) => other.escape_ascii().to_string(),
            None => "unknown".to_owned(),
        };
        let mut part = Part::new(format!("track {number}"), start, bytes).with("kind", kind);
        if let Some(codec) = self.codec {
            part = part.with("codec", codec.escape_ascii().to_string());
        }
        if let Some((width, height)) = self.coded {
            part = part.with("size", format!("{width} x {height}"));
            let shown = (self.shown.0 >> 16, self.shown.1 >> 16);
            if shown != (width.into(), height.into()) && shown != (0, 0) {
                part = part.with("shown as", format!("{} x {}", shown.0, shown.1));
            }
            if let Some(rotation) = self.rotation {
                part = part.with("turned by degrees", rotation);
            }
        }
        if let Some(channels) = self.channels {
            part = part.with("channels", channels);
        }
        if let Some(rate) = self.samples_per_second {
            part = part.with("samples per second", rate);
        }
        if let Some(samples) = self.samples {
            part = part.with("samples", samples);
        }
        if let Some(seconds) = self.duration.seconds() {
            part = part.with("seconds", seconds);
        }
        match self.language {
            Some(language) => part.with("language", language),
            None => part,
        }
    }
}

/// Three letters in five bits each (section 8.4.2.3); `None` for what says nothing.
fn language(packed: u16) -> Option<String> {
    let letter = |shift: u16| char::from((packed >> shift & 31) as u8 + 0x60);
    let text: String = [10, 5, 0].map(letter).iter().collect();
    (text.bytes().all(|byte| byte.is_ascii_lowercase()) && text != "und").then_some(text)
}
