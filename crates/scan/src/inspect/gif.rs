//! GIF (87a, 89a): a screen, then blocks: extensions, frames, the trailer.
//!
//! The data of a frame is a chain of sub-blocks of at most 255 bytes, so finding the next frame means hopping through
//! all of it: of a GIF about every page is looked at.

use super::finding::{Inspection, Part};
use super::reader::{Cursor, Order, Parsed, Reader, damage};

const EXTENSION: u8 = 0x21;
const FRAME: u8 = 0x2c;
const TRAILER: u8 = 0x3b;
const GRAPHIC_CONTROL: u8 = 0xf9;
const APPLICATION: u8 = 0xff;

pub(super) fn read(reader: &Reader<'_>, found: &mut Inspection) -> Parsed<()> {
    let mut file = reader.cursor(0, Order::Little);
    screen(&mut file, found)?;
    let mut animation = Animation::default();
    loop {
        let start = file.at();
        match file.u8("a block or the trailer")? {
            EXTENSION => animation.extension(start, &mut file, found)?,
            FRAME => animation.frame(start, &mut file, found)?,
            TRAILER => break found.part("trailer", start, 1),
            byte => return damage(start, "a block or the trailer", format!("{byte:#04x}")),
        }
    }
    found.fact("frames", animation.frames);
    if animation.frames > 1 {
        found.duration_seconds = Some(animation.hundredths as f64 / 100.0);
    }
    if file.left() > 0 {
        found.fact("bytes after the end", file.left());
    }
    Ok(())
}

/// Reads what stands before the blocks.
fn screen(file: &mut Cursor<'_>, found: &mut Inspection) -> Parsed<()> {
    let signature = file.array::<6>("the signature of GIF")?;
    found.fact("version", if signature[4] == b'7' { "87a" } else { "89a" });
    let (width, height) = (file.u16("the width")?, file.u16("the height")?);
    found.size_in_pixels(width, height);
    let [packed, _, _] = file.array("the flags of the screen")?;
    found.fact("bits per channel", (packed >> 4 & 7) + 1);
    if let Some(colours) = colours(packed) {
        found.fact("colours", colours);
        found.part("colours", file.at(), 3 * colours);
        file.skip(3 * colours, "the table of colours")?;
    }
    Ok(())
}

/// The frames that went by.
#[derive(Default)]
struct Animation {
    frames: u64,
    hundredths: u64,
    /// Of the frame that comes next.
    delay: Option<u16>,
}

impl Animation {
    fn extension(
        &mut self,
        start: u64,
        file: &mut Cursor<'_>,
        found: &mut Inspection,
    ) -> Parsed<()> {
        let extension = extension(file)?;
        match extension {
            Extension::Delay(delay) => self.delay = Some(delay),
            Extension::Plays(0) => found.fact("plays", "for ever"),
            Extension::Plays(plays) => found.fact("plays", plays),
            _ => {}
        }
        found.part(extension.name(), start, file.at() - start);
        Ok(())
    }

    fn frame(&mut self, start: u64, file: &mut Cursor<'_>, found: &mut Inspection) -> Parsed<()> {
        let size = frame(file)?;
        let bytes = file.at() - start;
        found.part("frame", start, bytes);
        let part = Part::new(format!("frame {}", self.frames), start, bytes).with("size", size);
        let delay = self.delay.take();
        found.entry(match delay {
            Some(delay) => part.with("delay ms", u64::from(delay) * 10),
            None => part,
        });
        self.frames += 1;
        self.hundredths += u64::from(delay.unwrap_or(0));
        Ok(())
    }
}

/// How many colours the table has that these flags announce.
fn colours(packed: u8) -> Option<u64> {
    (packed & 0x80 != 0).then_some(2 << (packed & 7))
}

/// What an extension says.
#[derive(Clone, Copy)]
enum Extension {
    Delay(u16),
    Plays(u16),
    Application,
    Comment,
    Other,
}

impl Extension {
    fn name(self) -> &'static str {
        match self {
            Extension::Delay(_) => "graphic control",
            Extension::Plays(_) | Extension::Application => "application",
            Extension::Comment => "comment",
            Extension::Other => "extension",
        }
    }
}

fn extension(file: &mut Cursor<'_>) -> Parsed<Extension> {
    let label = file.u8("the label of an extension")?;
    let mut first = *file;
    let extension = match label {
        GRAPHIC_CONTROL => {
            let start = first.at();
            match first.u8("the size of the extension")? {
                4 => first.skip(1, "its flags")?,
                size => return damage(start, "4 bytes of graphic control", size.to_string()),
            }
            Extension::Delay(first.u16("the delay")?)
        }
        APPLICATION => plays(&mut first)?.map_or(Extension::Application, Extension::Plays),
        0xfe => Extension::Comment,
        _ => Extension::Other,
    };
    skip_sub_blocks(file)?;
    Ok(extension)
}

/// How often an animation is played, if this application extension says so (Netscape's).
fn plays(extension: &mut Cursor<'_>) -> Parsed<Option<u16>> {
    if extension.u8("the size of the extension")? != 11 {
        return Ok(None);
    }
    let name = extension.array::<11>("the name of an application")?;
    if &name != b"NETSCAPE2.0" || extension.u8("the size of a block")? != 3 {
        return Ok(None);
    }
    let id = extension.u8("the number of a block")?;
    let plays = extension.u16("the number of plays")?;
    Ok((id == 1).then_some(plays))
}

/// Steps over a frame; its size in words.
fn frame(file: &mut Cursor<'_>) -> Parsed<String> {
    file.skip(4, "the place of a frame")?;
    let (width, height) = (file.u16("the width")?, file.u16("the height")?);
    let packed = file.u8("the flags of a frame")?;
    if let Some(colours) = colours(packed) {
        file.skip(3 * colours, "the table of colours of a frame")?;
    }
    file.skip(1, "the size of a code")?;
    skip_sub_blocks(file)?;
    Ok(format!("{width} x {height}"))
}

fn skip_sub_blocks(file: &mut Cursor<'_>) -> Parsed<()> {
    loop {
        match file.u8("the size of a sub-block")? {
            0 => return Ok(()),
            size => file.skip(size.into(), "a sub-block")?,
        }
    }
}
