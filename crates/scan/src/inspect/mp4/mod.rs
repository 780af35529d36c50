//! MP4 and QuickTime: boxes in boxes, each with its size and name (ISO/IEC 14496-12).
//!
//! The boxes of the file are hopped over by their sizes, so `moov`, which says all there is to say, is found before or
//! behind gigabytes of media without touching them. Below it the path is fixed: `moov`, `trak`, `mdia`, `minf`, `stbl`.
//! So nothing recurs, however deep a file nests its boxes.

mod track;

use super::finding::Inspection;
use super::kind::Kind;
use super::reader::{Cursor, Order, Parsed, Reader, damage};
use track::Track;

/// A box: its name, where it begins, and a cursor over what is in it.
struct Boxed<'a> {
    name: [u8; 4],
    start: u64,
    content: Cursor<'a>,
}

impl Boxed<'_> {
    fn bytes(&self) -> u64 {
        self.content.end() - self.start
    }
}

/// Takes the next box of `parent`.
fn next<'a>(parent: &mut Cursor<'a>, is_top: bool) -> Parsed<Boxed<'a>> {
    let start = parent.at();
    let size = parent.u32("the size of a box")?;
    let name = parent.array::<4>("the name of a box")?;
    let (size, header_bytes) = match size {
        // To the end of the file; further inside nobody writes that.
        0 if is_top => (parent.end() - start, 8),
        1 => (parent.u64("the long size of a box")?, 16),
        size => (size.into(), 8),
    };
    let text = name.escape_ascii().to_string();
    let Some(content_bytes) = size.checked_sub(header_bytes) else {
        let expected = format!("a size of `{text}` of at least {header_bytes}");
        return damage(start, expected, size.to_string());
    };
    let content = parent.take(content_bytes, &format!("the content of the box `{text}`"))?;
    Ok(Boxed {
        name,
        start,
        content,
    })
}

/// The boxes in `parent`, one after the other. `QuickTime` may end a list with four zeros.
fn each<'a>(mut parent: Cursor<'a>, mut visit: impl FnMut(Boxed<'a>) -> Parsed<()>) -> Parsed<()> {
    while parent.left() >= 8 {
        visit(next(&mut parent, false)?)?;
    }
    Ok(())
}

/// Steps over version and flags; the version.
fn version(content: &mut Cursor<'_>) -> Parsed<u8> {
    Ok(content.array::<4>("a version and flags")?[0])
}

/// A time or a duration, which has 64 bits from version 1 on.
fn long(content: &mut Cursor<'_>, version: u8, expected: &str) -> Parsed<u64> {
    match version {
        0 => Ok(content.u32(expected)?.into()),
        _ => content.u64(expected),
    }
}

/// How long something lasts: ticks, and how many of them make a second.
#[derive(Clone, Copy, Default)]
struct Duration {
    ticks: u64,
    per_second: u32,
}

impl Duration {
    /// Reads what `mvhd` and `mdhd` begin with.
    fn read(content: &mut Cursor<'_>) -> Parsed<Duration> {
        let version = version(content)?;
        long(content, version, "a creation time")?;
        long(content, version, "a modification time")?;
        let per_second = content.u32("a time scale")?;
        let ticks = long(content, version, "a duration")?;
        let is_unknown = ticks == u64::MAX || version == 0 && ticks == u64::from(u32::MAX);
        let ticks = if is_unknown { 0 } else { ticks };
        Ok(Duration { ticks, per_second })
    }

    fn seconds(self) -> Option<f64> {
        let is_known = self.ticks > 0 && self.per_second > 0;
        is_known.then(|| self.ticks as f64 / f64::from(self.per_second))
    }
}

/// The kind of a file that begins with `head`, if that is a box that such files begin with.
pub(super) fn kind_of_head(head: &[u8]) -> Option<Kind> {
    let &[s0, s1, s2, s3, n0, n1, n2, n3, ref rest @ ..] = head else {
        return None;
    };
    let size = u32::from_be_bytes([s0, s1, s2, s3]);
    match (&[n0, n1, n2, n3], rest.first_chunk()) {
        // Pictures in the same boxes (ISO/IEC 23008-12, AV1 Image File Format) have no tracks.
        (b"ftyp", Some(b"heic" | b"heix" | b"mif1" | b"msf1" | b"avif" | b"avis" | b"crx ")) => {
            None
        }
        (b"ftyp", Some(b"qt  ")) => Some(Kind::Mov),
        (b"ftyp", _) if size >= 8 => Some(Kind::Mp4),
        // From before there was `ftyp`.
        (b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"pnot", _)
            if size >= 8 || size == 1 =>
        {
            Some(Kind::Mov)
        }
        _ => None,
    }
}

pub(super) fn read(reader: &Reader<'_>, found: &mut Inspection) -> Parsed<()> {
    let mut file = reader.cursor(0, Order::Big);
    let (mut has_movie, mut fragments) = (false, 0_u64);
    while file.left() > 0 {
        let inner = next(&mut file, true)?;
        found.part(
            inner.name.escape_ascii().to_string(),
            inner.start,
            inner.bytes(),
        );
        match &inner.name {
            b"ftyp" => brand(inner.content, found)?,
            b"moov" if !has_movie => {
                has_movie = true;
                movie(inner.content, found)?;
            }
            b"moof" => fragments += 1,
            _ => {}
        }
    }
    if fragments > 0 {
        found.fact("fragments", fragments);
    }
    match has_movie {
        true => Ok(()),
        false => damage(reader.len(), "the box `moov`", "the end of the file"),
    }
}

fn brand(mut content: Cursor<'_>, found: &mut Inspection) -> Parsed<()> {
    let brand = content.array::<4>("a brand")?;
    let brand = brand.escape_ascii().to_string();
    found.fact("brand", brand.trim_end());
    Ok(())
}

fn movie(content: Cursor<'_>, found: &mut Inspection) -> Parsed<()> {
    let (mut tracks, mut header, mut fragmented) = (0_u64, None, None);
    each(content, |mut inner| {
        match &inner.name {
            b"mvhd" => {
                let duration = Duration::read(&mut inner.content)?;
                header = Some(duration);
                found.duration_seconds = duration.seconds();
            }
            b"mvex" => {
                each(inner.content, |mut inner| {
                    if &inner.name == b"mehd" {
                        let version = version(&mut inner.content)?;
                        fragmented = Some(long(&mut inner.content, version, "a duration")?);
                    }
                    Ok(())
                })?;
            }
            b"trak" => {
                tracks += 1;
                let track = Track::read(inner.content)?;
                if found.dimensions.is_none()
                    && let Some((width, height)) = track.pixels()
                {
                    found.size_in_pixels(width, height);
                }
                found.entry(track.into_part(tracks, inner.start, inner.bytes()));
            }
            b"cmov" => found.fact("header", "compressed, so tracks are not known"),
            _ => {}
        }
        Ok(())
    })?;
    if let (None, Some(ticks), Some(header)) = (found.duration_seconds, fragmented, header) {
        found.duration_seconds = Duration { ticks, ..header }.seconds();
    }
    found.fact("tracks", tracks);
    Ok(())
}
