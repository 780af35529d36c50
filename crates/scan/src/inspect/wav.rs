//! WAVE: chunks in a RIFF, each with its name and length; RF64 and BW64 for what is longer than 4 GiB (EBU Tech 3306).

use super::finding::Inspection;
use super::reader::{Cursor, Order, Parsed, Reader, damage};

/// Name and length of a chunk.
const FRAME_BYTES: u64 = 8;
/// A length that stands in `ds64`, or that nobody knew when the header was written.
const ELSEWHERE: u32 = u32::MAX;

pub(super) fn read(reader: &Reader<'_>, found: &mut Inspection) -> Parsed<()> {
    let signature = reader
        .cursor(0, Order::Big)
        .array::<4>("the name of the format")?;
    let order = match &signature {
        b"RIFX" => Order::Big,
        _ => Order::Little,
    };
    found.fact("container", signature.escape_ascii().to_string());
    let mut file = reader.cursor(4, order);
    let size = file.u32("the size of the file")?;
    file.skip(4, "`WAVE`")?;
    let mut long = Long::default();
    let mut wave = Wave::default();
    // A writer into a pipe cannot come back and write the size.
    let is_open_ended = matches!(size, 0 | ELSEWHERE) && !signature.ends_with(b"64");
    if signature.ends_with(b"64") {
        long = Long::read(&mut file, found)?;
    }
    let stated = match (size, long.riff_bytes) {
        (ELSEWHERE, Some(bytes)) => bytes,
        _ => size.into(),
    };
    let end = match is_open_ended {
        true => reader.len(),
        false => stated.saturating_add(FRAME_BYTES),
    };
    while file.at() < end.min(reader.len()) {
        let start = file.at();
        let name = file.array::<4>("the name of a chunk")?;
        if !name.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            let name = name.escape_ascii().to_string();
            return damage(start, "the name of a chunk", format!("`{name}`"));
        }
        let mut len = u64::from(file.u32("the length of a chunk")?);
        if &name == b"data" {
            let is_elsewhere = len == u64::from(ELSEWHERE);
            if let (true, Some(bytes)) = (is_elsewhere, long.data_bytes) {
                len = bytes;
            } else if is_open_ended && (is_elsewhere || len == 0) {
                len = file.left();
            }
        }
        let text = name.escape_ascii().to_string();
        let what = format!("the content of `{text}`");
        let content = file.take(len, &what)?;
        found.part(text, start, FRAME_BYTES + len);
        match &name {
            b"fmt " => wave.format(content, found)?,
            b"fact" if len >= 4 => {
                wave.samples = Some({ content }.u32("the number of samples")?.into())
            }
            b"data" => wave.data_bytes = Some(wave.data_bytes.unwrap_or(0).saturating_add(len)),
            _ => {}
        }
        // Chunks begin at even bytes.
        if len % 2 == 1 && file.left() > 0 {
            file.skip(1, "padding")?;
        }
    }
    if let Some(samples) = long.samples.filter(|&samples| samples > 0) {
        wave.samples = Some(samples);
    }
    wave.tell(file.at(), found)?;
    // The padding of the last chunk may be missing.
    if end > reader.len() + 1 {
        let expected = format!("{end} bytes, as the header says");
        return damage(reader.len(), expected, "the end of the file");
    }
    if reader.len() > end {
        found.fact("bytes after the end", reader.len() - end);
    }
    Ok(())
}

/// Lengths that do not fit into 32 bits.
#[derive(Default)]
struct Long {
    riff_bytes: Option<u64>,
    data_bytes: Option<u64>,
    samples: Option<u64>,
}

impl Long {
    fn read(file: &mut Cursor<'_>, found: &mut Inspection) -> Parsed<Long> {
        let start = file.at();
        let name = file.array::<4>("the chunk `ds64`")?;
        if &name != b"ds64" {
            let name = name.escape_ascii().to_string();
            return damage(start, "the chunk `ds64`", format!("`{name}`"));
        }
        let len = file.u32("the length of `ds64`")?;
        let mut fields = file.take(len.into(), "the content of `ds64`")?;
        found.part("ds64", start, FRAME_BYTES + u64::from(len));
        Ok(Long {
            riff_bytes: Some(fields.u64("the size of the file")?),
            data_bytes: Some(fields.u64("the size of the data")?),
            samples: Some(fields.u64("the number of samples")?),
        })
    }
}

/// What the chunks say of the sound.
#[derive(Default)]
struct Wave {
    is_pcm: bool,
    samples_per_second: u32,
    bytes_per_second: u32,
    bytes_per_sample: u16,
    samples: Option<u64>,
    data_bytes: Option<u64>,
}

impl Wave {
    fn format(&mut self, mut content: Cursor<'_>, found: &mut Inspection) -> Parsed<()> {
        let mut tag = content.u16("the kind of samples")?;
        let channels = content.u16("the number of channels")?;
        let start = content.at();
        self.samples_per_second = content.u32("the sampling rate")?;
        self.bytes_per_second = content.u32("the bytes per second")?;
        self.bytes_per_sample = content.u16("the bytes per sample")?;
        let bits = content.u16("the bits per sample")?;
        if tag == 0xfffe && content.left() >= 10 {
            content.skip(8, "the layout of channels")?;
            tag = content.u16("the kind of samples")?;
        }
        if channels == 0 || self.samples_per_second == 0 {
            let rate = format!("{channels} at {} Hz", self.samples_per_second);
            return damage(start, "channels and a sampling rate", rate);
        }
        self.is_pcm = matches!(tag, 1 | 3 | 6 | 7);
        found.fact(
            "codec",
            match tag {
                1 => "PCM".to_owned(),
                2 => "ADPCM (Microsoft)".to_owned(),
                3 => "floating point".to_owned(),
                6 => "A-law".to_owned(),
                7 => "mu-law".to_owned(),
                0x11 => "ADPCM (IMA)".to_owned(),
                0x31 => "GSM 6.10".to_owned(),
                0x55 => "MP3".to_owned(),
                other => format!("number {other:#06x}"),
            },
        );
        found.fact("channels", channels);
        found.fact("samples per second", self.samples_per_second);
        found.fact("bits per sample", bits);
        Ok(())
    }

    fn tell(&self, end: u64, found: &mut Inspection) -> Parsed<()> {
        if self.samples_per_second == 0 {
            return damage(end, "the chunk `fmt `", "none");
        }
        let Some(data_bytes) = self.data_bytes else {
            return damage(end, "the chunk `data`", "none");
        };
        let bytes_per_sample = u64::from(self.bytes_per_sample);
        let samples = match data_bytes.checked_div(bytes_per_sample) {
            Some(samples) if self.is_pcm => Some(samples),
            _ => self.samples,
        };
        if let Some(samples) = samples {
            found.fact("samples", samples);
            found.duration_seconds = Some(samples as f64 / f64::from(self.samples_per_second));
        } else if self.bytes_per_second > 0 {
            found.duration_seconds = Some(data_bytes as f64 / f64::from(self.bytes_per_second));
        }
        Ok(())
    }
}
