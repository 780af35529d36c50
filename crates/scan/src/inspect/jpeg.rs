//! JPEG (ITU-T T.81): segments behind markers, and runs of packed pixels between them.
//!
//! A run of pixels has no length: it ends where a marker follows, so it is looked through for one. That is the one
//! place where a file's bulk is read; what stands behind the end of the picture is not.

use super::finding::Inspection;
use super::reader::{Cursor, Order, Parsed, Reader, damage};

/// Bytes of pixels looked through at a time.
const SCAN_BYTES: usize = 64 << 10;

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const LINES: u8 = 0xdc;

pub(super) fn read(reader: &Reader<'_>, found: &mut Inspection) -> Parsed<()> {
    let mut file = reader.cursor(0, Order::Big);
    file.skip(2, "the start of an image")?;
    found.part("SOI", 0, 2);
    let mut picture = Picture::default();
    loop {
        let start = file.at();
        match marker(&mut file)? {
            END => break found.part("EOI", start, file.at() - start),
            byte @ (START | 0x00) => {
                return damage(start, "the marker of a segment", format!("{byte:#04x}"));
            }
            // Restart markers and one for private use stand alone.
            0xd0..=0xd7 | 0x01 => {}
            marker => picture.segment(marker, start, reader, &mut file, found)?,
        }
    }
    match picture.frame {
        None => return damage(file.at() - 2, "a frame header", "the end of the image"),
        Some((_, 0)) => return damage(file.at() - 2, "the number of lines", "none"),
        Some(_) => {}
    }
    found.fact("scans", picture.scans);
    if file.left() > 0 {
        found.fact("bytes after the end", file.left());
    }
    Ok(())
}

/// What the segments up to here said.
#[derive(Default)]
struct Picture {
    /// Width and height. The height is 0 if a segment behind the first scan says it.
    frame: Option<(u16, u16)>,
    scans: u64,
}

impl Picture {
    /// Reads a segment, and the pixels behind it if it begins a scan.
    fn segment(
        &mut self,
        marker: u8,
        start: u64,
        reader: &Reader<'_>,
        file: &mut Cursor<'_>,
        found: &mut Inspection,
    ) -> Parsed<()> {
        let len = file.u16("the length of a segment")?;
        let Some(len) = len.checked_sub(2) else {
            return damage(file.at() - 2, "a length of at least 2", len.to_string());
        };
        let name = name(marker);
        let mut content = file.take(len.into(), &format!("the content of {name}"))?;
        found.part(label(&name, content)?, start, file.at() - start);
        match marker {
            SCAN if self.frame.is_none() => {
                return damage(start, "a frame header before the first scan", "a scan");
            }
            SCAN => {
                self.scans += 1;
                let pixels = file.at();
                skip_pixels(reader, file)?;
                found.part("pixels", pixels, file.at() - pixels);
            }
            LINES => {
                if let Some((_, height @ 0)) = &mut self.frame {
                    *height = content.u16("the number of lines")?;
                }
            }
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) && self.frame.is_none() => {
                self.frame = Some(header(marker, &mut content, found)?);
            }
            0xe0 => density(content, found)?,
            _ => {}
        }
        if let Some((width, height @ 1..)) = self.frame {
            found.size_in_pixels(width, height);
        }
        Ok(())
    }
}

/// Takes a marker: `ff`, as often as the writer liked, and a code.
fn marker(file: &mut Cursor<'_>) -> Parsed<u8> {
    let start = file.at();
    match file.u8("a marker")? {
        0xff => {}
        byte => return damage(start, "a marker (0xff)", format!("{byte:#04x}")),
    }
    loop {
        match file.u8("the code of a marker")? {
            0xff => {}
            code => return Ok(code),
        }
    }
}

/// The name of a marker's code (table B.1).
fn name(marker: u8) -> String {
    match marker {
        0xc4 => "DHT".to_owned(),
        0xc8 => "JPG".to_owned(),
        0xcc => "DAC".to_owned(),
        0xc0..=0xcf => format!("SOF{}", marker - 0xc0),
        SCAN => "SOS".to_owned(),
        0xdb => "DQT".to_owned(),
        LINES => "DNL".to_owned(),
        0xdd => "DRI".to_owned(),
        0xde => "DHP".to_owned(),
        0xdf => "EXP".to_owned(),
        0xe0..=0xef => format!("APP{}", marker - 0xe0),
        0xfe => "COM".to_owned(),
        other => format!("segment {other:#04x}"),
    }
}

/// The name of a segment, with what an application's begins with.
fn label(name: &str, mut content: Cursor<'_>) -> Parsed<String> {
    if !name.starts_with("APP") {
        return Ok(name.to_owned());
    }
    let head = content.text(content.left().min(32), "the content of a segment")?;
    let format = match head.as_slice() {
        [b'J', b'F', b'I', b'F', 0, ..] => "JFIF",
        [b'E', b'x', b'i', b'f', 0, ..] => "Exif",
        [b'A', b'd', b'o', b'b', b'e', ..] => "Adobe",
        [b'M', b'P', b'F', 0, ..] => "MPF",
        head if head.starts_with(b"ICC_PROFILE\0") => "ICC profile",
        head if head.starts_with(b"http://ns.adobe.com/") => "XMP",
        _ => return Ok(name.to_owned()),
    };
    Ok(format!("{name} {format}"))
}

/// Reads a frame header; width and height.
fn header(marker: u8, content: &mut Cursor<'_>, found: &mut Inspection) -> Parsed<(u16, u16)> {
    let start = content.at();
    let depth = content.u8("the bits of a sample")?;
    let (height, width) = (content.u16("the height")?, content.u16("the width")?);
    let components = content.u8("the number of components")?;
    if width == 0 || components == 0 || !(2..=16).contains(&depth) {
        let size = format!("{width} x {height} pixels of {components} components of {depth} bits");
        return damage(start, "pixels of components of 2 to 16 bits", size);
    }
    content.skip(3 * u64::from(components), "the components")?;
    found.fact("bits per channel", depth);
    found.fact(
        "colour",
        match components {
            1 => "grey".to_owned(),
            3 => "three components".to_owned(),
            4 => "four components".to_owned(),
            count => format!("{count} components"),
        },
    );
    let process = match marker & 3 {
        _ if marker == 0xc0 => "baseline",
        1 => "extended",
        2 => "progressive",
        3 => "lossless",
        _ => "hierarchical",
    };
    found.fact("process", process);
    if marker >= 0xc8 {
        found.fact("coding", "arithmetic");
    }
    Ok((width, height))
}

/// What a JFIF segment says of the density.
fn density(mut content: Cursor<'_>, found: &mut Inspection) -> Parsed<()> {
    if content.left() < 14 || &content.array::<5>("the name")? != b"JFIF\0" {
        return Ok(());
    }
    let [major, minor, unit] = content.array("a version and a unit")?;
    found.fact("JFIF", format!("{major}.{minor:02}"));
    let (across, down) = (content.u16("a density")?, content.u16("a density")?);
    match unit {
        1 => found.fact("pixels per inch", format!("{across} x {down}")),
        2 => found.fact("pixels per centimetre", format!("{across} x {down}")),
        _ => {}
    }
    Ok(())
}

/// Moves to the next marker that does not belong to the pixels: in them `ff` has a zero or a restart marker behind it
/// (section B.1.1.5).
fn skip_pixels(reader: &Reader<'_>, file: &mut Cursor<'_>) -> Parsed<()> {
    loop {
        let bytes = reader.bytes(file.at(), SCAN_BYTES)?;
        let is_marker = |at: &usize| {
            let next = bytes.get(at + 1);
            next.is_some_and(|&code| !matches!(code, 0x00 | 0xd0..=0xd7 | 0xff))
        };
        if let Some(at) = memchr::memchr_iter(0xff, &bytes).find(is_marker) {
            return file.skip(at as u64, "pixels");
        }
        if bytes.len() < SCAN_BYTES {
            let expected = "the end of the image (`ff d9`)";
            let found = format!("the end of the file at byte {}", reader.len());
            return damage(reader.len(), expected, found);
        }
        // The last byte again: it may be the first half of a marker.
        file.skip(SCAN_BYTES as u64 - 1, "pixels")?;
    }
}
