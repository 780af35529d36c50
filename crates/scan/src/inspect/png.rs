//! PNG: a signature and chunks, each with its length, name and checksum (PNG specification, third edition).
//!
//! Chunk headers are read, contents only of those that say something about the picture; their checksums are
//! verified. The picture itself is stepped over.

use super::finding::Inspection;
use super::reader::{Cursor, Order, Parsed, Reader, damage};

const SIGNATURE_BYTES: u64 = 8;
/// Length, name and checksum of a chunk.
const FRAME_BYTES: u64 = 12;
/// No chunk may be longer (section 5.3).
const CHUNK_BYTES_MAX: u32 = i32::MAX as u32;

pub(super) fn read(reader: &Reader<'_>, found: &mut Inspection) -> Parsed<()> {
    let mut file = reader.cursor(0, Order::Big);
    file.skip(SIGNATURE_BYTES, "the signature of PNG")?;
    let mut frames = Frames::default();
    loop {
        let start = file.at();
        let len = file.u32("the length of a chunk")?;
        let name = file.array::<4>("the name of a chunk")?;
        if len > CHUNK_BYTES_MAX {
            return damage(start, "a length below 2^31", len.to_string());
        }
        if !name.iter().all(u8::is_ascii_alphabetic) {
            let name = name.escape_ascii().to_string();
            return damage(start + 4, "the name of a chunk", format!("`{name}`"));
        }
        if found.parts.count == 0 && &name != b"IHDR" {
            let name = name.escape_ascii().to_string();
            return damage(start + 4, "`IHDR` as the first chunk", format!("`{name}`"));
        }
        let text = name.escape_ascii().to_string();
        let content = file.take(len.into(), &format!("the content of `{text}`"))?;
        file.skip(4, "the checksum of a chunk")?;
        found.part(text, start, FRAME_BYTES + u64::from(len));
        match &name {
            b"IHDR" if found.parts.count == 1 => header(reader, content, found)?,
            b"acTL" => frames.announced(reader, content)?,
            b"fcTL" => frames.add(reader, content)?,
            b"pHYs" => density(reader, content, found)?,
            b"IEND" => break,
            _ => {}
        }
    }
    frames.tell(found);
    if file.left() > 0 {
        found.fact("bytes after the end", file.left());
    }
    Ok(())
}

fn header(reader: &Reader<'_>, content: Cursor<'_>, found: &mut Inspection) -> Parsed<()> {
    let mut fields = verified(reader, content, 13)?;
    let (width, height) = (fields.u32("the width")?, fields.u32("the height")?);
    if !(1..=CHUNK_BYTES_MAX).contains(&width) || !(1..=CHUNK_BYTES_MAX).contains(&height) {
        let size = format!("{width} x {height}");
        return damage(
            content.at(),
            "a width and a height from 1 to 2^31 - 1",
            size,
        );
    }
    found.size_in_pixels(width, height);
    let start = fields.at();
    let [depth, colour, compression, filter, interlace] = fields.array("the kind of pixels")?;
    let name = match (colour, depth) {
        (0, 1 | 2 | 4 | 8 | 16) => "grey",
        (2, 8 | 16) => "RGB",
        (3, 1 | 2 | 4 | 8) => "palette",
        (4, 8 | 16) => "grey with alpha",
        (6, 8 | 16) => "RGB with alpha",
        _ => {
            let pair = format!("colour type {colour} with {depth} bits");
            return damage(start, "a colour type and a depth that go together", pair);
        }
    };
    if compression != 0 || filter != 0 || interlace > 1 {
        let methods = format!("{compression}, {filter}, {interlace}");
        return damage(
            start + 2,
            "compression 0, filter 0 and interlacing 0 or 1",
            methods,
        );
    }
    found.fact("colour", name);
    found.fact("bits per channel", depth);
    found.fact("interlaced", interlace == 1);
    Ok(())
}

fn density(reader: &Reader<'_>, content: Cursor<'_>, found: &mut Inspection) -> Parsed<()> {
    let mut fields = verified(reader, content, 9)?;
    let (across, down) = (fields.u32("pixels across")?, fields.u32("pixels down")?);
    match fields.u8("the unit of the density")? {
        1 => found.fact("pixels per metre", format!("{across} x {down}")),
        _ => found.fact("shape of a pixel", format!("{down}:{across}")),
    }
    Ok(())
}

/// The frames of an animation.
#[derive(Default)]
struct Frames {
    announced: Option<(u32, u32)>,
    seconds: f64,
}

impl Frames {
    fn announced(&mut self, reader: &Reader<'_>, content: Cursor<'_>) -> Parsed<()> {
        let mut fields = verified(reader, content, 8)?;
        let count = fields.u32("the number of frames")?;
        self.announced = Some((count, fields.u32("the number of plays")?));
        Ok(())
    }

    fn add(&mut self, reader: &Reader<'_>, content: Cursor<'_>) -> Parsed<()> {
        let mut fields = verified(reader, content, 26)?;
        fields.skip(20, "the place of a frame")?;
        let (share, whole) = (fields.u16("a delay")?, fields.u16("a delay")?);
        // Zero stands for hundredths.
        let whole = if whole == 0 { 100 } else { whole };
        self.seconds += f64::from(share) / f64::from(whole);
        Ok(())
    }

    fn tell(&self, found: &mut Inspection) {
        let Some((count, plays)) = self.announced else {
            return;
        };
        found.fact("frames", count);
        match plays {
            0 => found.fact("plays", "for ever"),
            plays => found.fact("plays", plays),
        }
        found.duration_seconds = Some(self.seconds);
    }
}

/// The content of a chunk that must have `len` bytes and the checksum behind it.
fn verified<'a>(reader: &'a Reader<'a>, content: Cursor<'a>, len: u64) -> Parsed<Cursor<'a>> {
    if content.left() != len {
        let found = format!("{} bytes", content.left());
        return damage(content.at() - 8, format!("a chunk of {len} bytes"), found);
    }
    // The checksum covers the name and the content (section 5.4).
    let covered = reader.bytes(content.at() - 4, len as usize + 4)?;
    let mut actual = libdeflater::Crc::new();
    actual.update(&covered);
    let stated = reader.cursor(content.end(), Order::Big).u32("a checksum")?;
    if actual.sum() != stated {
        let found = format!("{stated:08x}");
        let expected = format!("the checksum {:08x} of the chunk", actual.sum());
        return damage(content.end(), expected, found);
    }
    Ok(content)
}
