//! What is kept: two versions of Linux, a large file and its edited copy, and folders with files of other sizes.

use std::fs;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::Result;
use crate::bench::process::data::folder;
use crate::bench::sources::{create, failed, files, len_bytes, tree};
use crate::command::program;

/// Debian's packages of the two versions.
const VERSIONS: [&str; 2] = ["linux-source-6.1", "linux-source-6.12"];

/// The only file of a folder with a large file.
pub(super) const LARGE: &str = "large";

/// Of every so many bytes of the large file the last eighth is random.
const PERIOD_BYTES: u64 = 32 << 20;

/// How the copy differs: so many bytes before everything, and so many in every period.
const EDIT_START_BYTES: u64 = 17;
const EDIT_BYTES: u64 = 100;

/// The file of mostly nothing: its length, how much of it is random, and in how many places.
const SPARSE_BYTES: u64 = 50_000_000_000;
const SPARSE_RANDOM_BYTES: u64 = 3 << 30;
const SPARSE_PLACES: u64 = 48;

/// A folder to add.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// The folders, made if they are not there yet.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) trees: [Folder; 2],
    pub(super) large: [Folder; 2],
    /// A few files of many megabytes.
    pub(super) few: Folder,
    /// Some of the tree, and some larger ones.
    pub(super) mixed: Folder,
    /// One file of mostly nothing, if it was asked for.
    pub(super) sparse: Option<Folder>,
}

impl Data {
    pub(super) fn make(is_quick: bool, has_sparse: bool) -> Result<Self> {
        let mut trees = Vec::new();
        for version in VERSIONS {
            let tree = tree(version)?;
            trees.push(Folder::at(if is_quick {
                tree.join("kernel")
            } else {
                tree
            })?);
        }
        let kind = if is_quick { "quick" } else { "full" };
        let place = folder()?.join("store-data").join(kind);
        let len_bytes: u64 = if is_quick { 64 << 20 } else { 2 << 30 };
        let large = made(&place.join("one"), |it| {
            write_large(&it.join(LARGE), len_bytes)
        })?;
        let copy = made(&place.join("two"), |it| {
            write_edited(&large.path.join(LARGE), &it.join(LARGE))
        })?;
        let few = made(&place.join("few"), |it| {
            let bytes = len_bytes / 16;
            let places = (0..8).map(|index| (index * bytes, bytes));
            cut(&large.path.join(LARGE), places, it)
        })?;
        let mixed = made(&place.join("mixed"), |it| {
            // One to fifty megabytes, or of the quick kind parts of one.
            let unit = len_bytes >> 11;
            let lengths = [1, 2, 3, 5, 8, 13, 21, 34, 50, 45, 20, 10, 4, 2, 1];
            let places = lengths.iter().scan(0, |at, units| {
                let bytes = units * unit;
                *at += bytes;
                Some((*at - bytes, bytes))
            });
            cut(&large.path.join(LARGE), places, it)?;
            copy_some(&trees[0].path, it)
        })?;
        let sparse = match has_sparse {
            true => Some(made(&place.join("sparse"), |it| {
                write_sparse(&it.join(LARGE), if is_quick { 32 } else { 1 })
            })?),
            false => None,
        };
        let [one, two] = <[Folder; 2]>::try_from(trees).expect("there are two versions");
        Ok(Self {
            trees: [one, two],
            large: [large, copy],
            few,
            mixed,
            sparse,
        })
    }
}

impl Data {
    /// In how many places the copy of the large file differs from it.
    pub(super) fn edits(&self) -> u64 {
        1 + self.large[0].bytes.div_ceil(PERIOD_BYTES)
    }
}

impl Folder {
    fn at(path: PathBuf) -> Result<Self> {
        let files = files(&path)?;
        let lengths = files.iter().map(|file| len_bytes(file));
        Ok(Self {
            bytes: lengths.sum::<Result<u64>>()?,
            files: files.len() as u64,
            path,
        })
    }
}

/// The folder at `path`, which `make` fills if it is not there. One that was not filled to its end has another name.
fn made(path: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<Folder> {
    if !path.exists() {
        eprintln!("making {}", path.display());
        let unfinished = path.with_extension("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        create(&unfinished)?;
        make(&unfinished)?;
        fs::rename(&unfinished, path).map_err(|error| failed(path, &error))?;
    }
    Folder::at(path.to_owned())
}

/// Libraries, programs and their data as a tape archive has them, with random bytes in between.
fn write_large(path: &Path, len_bytes: u64) -> Result<()> {
    let mut archive = program("tar");
    archive.args([
        "--create",
        "--sort=name",
        "--mtime=@0",
        "--owner=0",
        "--group=0",
    ]);
    archive.args(["--directory=/", "usr/lib", "usr/share", "usr/bin"]);
    archive.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut archive = archive.spawn().map_err(|error| format!("tar: {error}"))?;
    let mut real = archive.stdout.take().expect("standard output is piped");
    let written = write_new(path, |file| {
        let mut random = Random(1);
        let random_bytes = PERIOD_BYTES / 8;
        for _ in 0..len_bytes / PERIOD_BYTES {
            io::copy(&mut (&mut real).take(PERIOD_BYTES - random_bytes), file)?;
            random.write(random_bytes, file)?;
        }
        Ok(())
    });
    // What is left of the archive is not wanted.
    let _ = archive.kill();
    let _ = archive.wait();
    written
}

fn write_edited(original: &Path, path: &Path) -> Result<()> {
    let file = fs::File::open(original).map_err(|error| failed(original, &error))?;
    let mut original = BufReader::new(file);
    write_new(path, |file| {
        let mut random = Random(2);
        random.write(EDIT_START_BYTES, file)?;
        while io::copy(&mut (&mut original).take(PERIOD_BYTES), file)? > 0 {
            random.write(EDIT_BYTES, file)?;
        }
        Ok(())
    })
}

/// As [`SPARSE_BYTES`] says, or that divided by `part`.
fn write_sparse(path: &Path, part: u64) -> Result<()> {
    let (len_bytes, random_bytes) = (SPARSE_BYTES / part, SPARSE_RANDOM_BYTES / part);
    write_new(path, |file| {
        let mut random = Random(3);
        for place in 0..SPARSE_PLACES {
            file.seek(SeekFrom::Start(place * (len_bytes / SPARSE_PLACES)))?;
            random.write(random_bytes / SPARSE_PLACES, file)?;
        }
        file.flush()?;
        file.get_ref().set_len(len_bytes)
    })
}

/// Pieces of a file, each a file of its own: where they begin and how long they are.
fn cut(path: &Path, places: impl Iterator<Item = (u64, u64)>, folder: &Path) -> Result<()> {
    let mut file = fs::File::open(path).map_err(|error| failed(path, &error))?;
    for (index, (start, len_bytes)) in places.enumerate() {
        write_new(&folder.join(format!("piece-{index}")), |piece| {
            file.seek(SeekFrom::Start(start))?;
            io::copy(&mut (&file).take(len_bytes), piece).map(drop)
        })?;
    }
    Ok(())
}

/// Every tenth file of a tree.
fn copy_some(tree: &Path, folder: &Path) -> Result<()> {
    for file in files(tree)?.iter().step_by(10) {
        let name = file.strip_prefix(tree).expect("it was found below");
        let copy = folder.join(name);
        create(copy.parent().expect("it is below the folder"))?;
        fs::copy(file, &copy).map_err(|error| failed(file, &error))?;
    }
    Ok(())
}

fn write_new(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>,
) -> Result<()> {
    let file = fs::File::create(path).map_err(|error| failed(path, &error))?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let written = write(&mut file).and_then(|()| file.flush());
    written.map_err(|error| failed(path, &error))
}

/// Bytes without a pattern, always the same: splitmix64, <https://prng.di.unimi.it/splitmix64.c>.
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn write(&mut self, len_bytes: u64, file: &mut impl Write) -> io::Result<()> {
        let mut block = Vec::with_capacity(1 << 16);
        let mut left = len_bytes as usize;
        while left > 0 {
            block.clear();
            while block.len() < left.min(1 << 16) {
                block.extend(self.next().to_le_bytes());
            }
            block.truncate(left);
            file.write_all(&block)?;
            left -= block.len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_are_as_many_as_asked_for_and_always_the_same() {
        let mut bytes = Vec::new();
        Random(1)
            .write(70_001, &mut bytes)
            .expect("memory takes everything");
        assert_eq!(bytes.len(), 70_001);
        // The first number that the reference gives for the seed 1.
        assert_eq!(bytes[..8], 0x910a_2dec_8902_5cc1_u64.to_le_bytes());
    }
}
