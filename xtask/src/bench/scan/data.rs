//! What is scanned: sources as a tree and as one text, words out of them, and an access log.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::bench::process::data::{folder, tamis};
use crate::bench::sources::{self, create, failed, len_bytes};
use crate::command::{program, require};

use super::case::Input;

/// Debian's package of the sources.
const SOURCES: &str = "linux-source-6.1";

/// Lines of the access log: a gigabyte of them, and few.
const LOG_LINES: u64 = 4_700_000;
const LOG_LINES_QUICK: u64 = 50_000;

/// How often the long text has the text.
const LONG_COPIES: usize = 4;

/// Words are taken out of so much of the text, if they are there at least and at most so often.
const WORDS_FROM_BYTES: usize = 64 << 20;
const WORD_COUNTS: std::ops::RangeInclusive<u32> = 3..=40;
const WORD_BYTES: std::ops::RangeInclusive<usize> = 6..=24;

/// The files.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) text_bytes: u64,
    pub(super) long_bytes: u64,
    pub(super) log_bytes: u64,
    pub(super) tree_files: u64,
    /// What the names in braces stand for.
    names: Vec<(&'static str, String)>,
}

impl Data {
    /// Makes what is not there yet; of the quick kind it is a hundredth.
    pub(super) fn make(is_quick: bool) -> Result<Self> {
        let folder = folder()?.join("scan");
        create(&folder)?;
        let sources = sources::tree(SOURCES)?;
        let (kind, tree) = match is_quick {
            true => ("quick", sources.join("kernel")),
            false => ("full", sources.clone()),
        };
        let folder = folder.join(kind);
        let is_new = !folder.exists();
        create(&folder)?;
        let [text, long, log, copy, fifty, words] =
            ["text", "long", "access.log", "copy", "fifty", "words"].map(|name| folder.join(name));
        let files = sources::files(&tree)?;
        if is_new {
            join(&files, &text)?;
            join(&vec![text.clone(); LONG_COPIES], &long)?;
            require(program("cp").arg("-r").args([&tree, &copy]))?;
            let [rows, few] = [LOG_LINES, LOG_LINES_QUICK].map(|lines| lines.to_string());
            let rows = if is_quick { few } else { rows };
            require(
                tamis()
                    .args(["gen", "access-log", "--quiet", "--rows", &rows, "--output"])
                    .arg(&log),
            )?;
            for (codec, extension) in [("lz4", "lz4"), ("zstd", "zst")] {
                let mut compress = tamis();
                compress.args(["compress", "--quiet", "--force", "--codec", codec]);
                require(
                    compress
                        .arg(&text)
                        .arg("-o")
                        .arg(text.with_extension(extension)),
                )?;
            }
            let chosen = chosen_words(&text)?;
            write(&words, &(chosen.join("\n") + "\n"))?;
            let some: Vec<_> = chosen.iter().step_by(20).map(String::as_str).collect();
            write(&fifty, &some.join("|"))?;
        }
        let named = |path: &Path| path.display().to_string();
        Ok(Self {
            text_bytes: len_bytes(&text)?,
            long_bytes: len_bytes(&long)?,
            log_bytes: len_bytes(&log)?,
            tree_files: files.len() as u64,
            names: vec![
                ("{text}", named(&text)),
                ("{long}", named(&long)),
                ("{log}", named(&log)),
                ("{tree}", named(&tree)),
                ("{copy}", named(&copy)),
                ("{words}", named(&words)),
                ("{fifty}", read(&fifty)?),
            ],
        })
    }

    /// `line` with the names of files.
    pub(super) fn named(&self, line: &str) -> String {
        self.names
            .iter()
            .fold(line.to_owned(), |line, (name, file)| {
                line.replace(name, file)
            })
    }

    /// Reads what a case is about.
    pub(super) fn warm(&self, input: Input) -> Result<()> {
        let names = match input {
            Input::Text => &["{text}"][..],
            Input::Long | Input::Start => &["{long}"],
            Input::Log => &["{log}"],
            Input::Tree => &["{tree}"],
            Input::Copies => &["{tree}", "{copy}"],
        };
        let paths: Vec<_> = names.iter().map(|name| self.named(name)).collect();
        sources::warm(&paths)
    }
}

fn join(files: &[PathBuf], path: &Path) -> Result<()> {
    let mut joined = fs::File::create(path).map_err(|error| failed(path, &error))?;
    for file in files {
        let copied = fs::File::open(file).and_then(|mut file| io::copy(&mut file, &mut joined));
        copied.map_err(|error| failed(file, &error))?;
    }
    Ok(())
}

/// A thousand words that are neither common nor unique, always the same.
fn chosen_words(text: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(text).map_err(|error| failed(text, &error))?;
    let mut counts: HashMap<&[u8], u32> = HashMap::new();
    let some = &bytes[..bytes.len().min(WORDS_FROM_BYTES)];
    let is_outside = |byte: &u8| !(byte.is_ascii_alphabetic() || *byte == b'_');
    for word in some.split(is_outside) {
        if WORD_BYTES.contains(&word.len()) {
            *counts.entry(word).or_default() += 1;
        }
    }
    let kept = counts
        .into_iter()
        .filter(|(_, count)| WORD_COUNTS.contains(count));
    let mut kept: Vec<_> = kept
        .map(|(word, _)| String::from_utf8_lossy(word).into_owned())
        .collect();
    kept.sort();
    let step = (kept.len() / 1000).max(1);
    Ok(kept.into_iter().step_by(step).take(1000).collect())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| failed(path, &error))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| failed(path, &error))
}
