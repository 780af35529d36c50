//! The kinds of files whose headers are read, told by their first bytes.

use serde::Serialize;

use super::finding::Inspection;
use super::reader::{Parsed, Reader};
use super::{elf, gif, jpeg, mp4, parquet, png, sqlite, wav, zip};

/// Bytes that tell a kind.
pub(super) const MAGIC_BYTES: usize = 16;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// Portable Network Graphics.
    Png,
    /// JPEG, also as JFIF and Exif.
    Jpeg,
    /// Graphics Interchange Format.
    Gif,
    /// MPEG-4 and its relatives of ISO 14496-12.
    Mp4,
    /// `QuickTime`, the format MPEG-4 came from.
    Mov,
    /// RIFF WAVE, also as RF64.
    Wav,
    /// ZIP, also behind something else.
    Zip,
    /// Programs, libraries and object files.
    Elf,
    /// Apache Parquet.
    Parquet,
    /// An `SQLite` database.
    Sqlite,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 10] = [
        Kind::Png,
        Kind::Jpeg,
        Kind::Gif,
        Kind::Mp4,
        Kind::Mov,
        Kind::Wav,
        Kind::Zip,
        Kind::Elf,
        Kind::Parquet,
        Kind::Sqlite,
    ];

    /// The kind of a file that begins with `head`.
    pub(super) fn of_head(head: &[u8]) -> Option<Kind> {
        Some(match head {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Kind::Png,
            [0xff, 0xd8, 0xff, ..] => Kind::Jpeg,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Kind::Gif,
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => Kind::Zip,
            [0x7f, b'E', b'L', b'F', ..] => Kind::Elf,
            [b'P', b'A', b'R', b'1' | b'E', ..] => Kind::Parquet,
            [
                b'R',
                b'I',
                b'F',
                b'F' | b'X',
                _,
                _,
                _,
                _,
                b'W',
                b'A',
                b'V',
                b'E',
                ..,
            ] => Kind::Wav,
            [
                b'R',
                b'F',
                b'6',
                b'4',
                _,
                _,
                _,
                _,
                b'W',
                b'A',
                b'V',
                b'E',
                ..,
            ] => Kind::Wav,
            [
                b'B',
                b'W',
                b'6',
                b'4',
                _,
                _,
                _,
                _,
                b'W',
                b'A',
                b'V',
                b'E',
                ..,
            ] => Kind::Wav,
            head if head.starts_with(b"SQLite format 3\0") => Kind::Sqlite,
            head => return mp4::kind_of_head(head),
        })
    }

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Png => "png",
            Kind::Jpeg => "jpeg",
            Kind::Gif => "gif",
            Kind::Mp4 => "mp4",
            Kind::Mov => "mov",
            Kind::Wav => "wav",
            Kind::Zip => "zip",
            Kind::Elf => "elf",
            Kind::Parquet => "parquet",
            Kind::Sqlite => "sqlite",
        }
    }

    /// What it is called.
    pub fn description(self) -> &'static str {
        match self {
            Kind::Png => "PNG image",
            Kind::Jpeg => "JPEG image",
            Kind::Gif => "GIF image",
            Kind::Mp4 => "MP4 media",
            Kind::Mov => "QuickTime media",
            Kind::Wav => "WAVE audio",
            Kind::Zip => "ZIP archive",
            Kind::Elf => "ELF file",
            Kind::Parquet => "Parquet table",
            Kind::Sqlite => "SQLite database",
        }
    }

    /// What its parts are called, one of them.
    pub fn part_noun(self) -> &'static str {
        match self {
            Kind::Png | Kind::Wav => "chunk",
            Kind::Jpeg => "segment",
            Kind::Gif => "block",
            Kind::Mp4 | Kind::Mov => "box",
            Kind::Zip | Kind::Elf | Kind::Parquet | Kind::Sqlite => "part",
        }
    }

    /// What it contains is called, one of them; `None` if there is nothing beside its parts.
    pub fn entry_noun(self) -> Option<&'static str> {
        Some(match self {
            Kind::Png | Kind::Jpeg | Kind::Wav => return None,
            Kind::Gif => "frame",
            Kind::Mp4 | Kind::Mov => "track",
            Kind::Zip => "entry",
            Kind::Elf => "section",
            Kind::Parquet => "column chunk",
            Kind::Sqlite => "object",
        })
    }

    /// Reads the headers of a file of this kind.
    pub(super) fn read(self, reader: &Reader<'_>, found: &mut Inspection) -> Parsed<()> {
        match self {
            Kind::Png => png::read(reader, found),
            Kind::Jpeg => jpeg::read(reader, found),
            Kind::Gif => gif::read(reader, found),
            Kind::Mp4 | Kind::Mov => mp4::read(reader, found),
            Kind::Wav => wav::read(reader, found),
            Kind::Zip => zip::read(reader, found),
            Kind::Elf => elf::read(reader, found),
            Kind::Parquet => parquet::read(reader, found),
            Kind::Sqlite => sqlite::read(reader, found),
        }
    }
}
