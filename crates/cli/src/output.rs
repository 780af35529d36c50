//! Where output goes: a name from the command line to a sink.

use std::fs::File;
use std::io::IsTerminal;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use clap::builder::TypedValueParser;
use tamis_engine::sink::{FileSink, GrowingSink, Sink, StdoutSink};
use tamis_formats::sniff;

use crate::{Context, Error, Result, stores, topics};

/// For clap: where an output goes. Whatever is written into a store makes a commit, which is what `check --good` alone does.
pub(crate) fn file() -> impl TypedValueParser<Value = PathBuf> {
    stores::outside(
        "of all outputs only `check --good` can be in a store; name a file, and `tamis store add` takes it in",
    )
}

/// The sink for `path`: standard output for `-`, else a file that appears when it is finished.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Sink>> {
    refuse_topic(path)?;
    Ok(open_file(path)?)
}

/// The same of what is no topic.
pub(crate) fn open_file(path: &Path) -> tamis_engine::Result<Box<dyn Sink>> {
    match is_stdout(path) {
        true => Ok(Box::new(StdoutSink::new()?)),
        false => FileSink::create(path),
    }
}

/// The same for records, which a topic takes as well.
pub(crate) fn open_records(path: &Path, context: &Context<'_>) -> Result<Box<dyn Sink>> {
    match topics::is_meant(path) {
        true => topics::sink(path, &context.globals.topics, context.cancel),
        false => open(path),
    }
}

/// The same for records that go on coming: a file gets them behind what is in it, as they come.
pub(crate) fn open_growing(path: &Path, context: &Context<'_>) -> Result<Box<dyn Sink>> {
    match is_stdout(path) || topics::is_meant(path) {
        true => open_records(path, context),
        false => Ok(GrowingSink::open(path)?),
    }
}

/// Fails for a topic, where what is written is not records.
pub(crate) fn refuse_topic(path: &Path) -> Result<()> {
    match topics::is_meant(path) {
        false => Ok(()),
        true => Err(Error::Usage {
            message: format!(
                "`{}`: a topic takes records, and this is none",
                topics::shown(path)
            ),
            hint: Some("name a file".to_owned()),
        }),
    }
}

/// Writes a whole file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut sink = open(path)?;
    sink.write_all(bytes)?;
    Ok(sink.finish()?)
}

/// Characters in a line of standard output: those of the terminal, or enough for a table where there is none.
pub(crate) fn width() -> usize {
    /// A log or a file is not read in a window.
    const WIDTH_DEFAULT: usize = 120;
    let size = terminal_size::terminal_size_of(std::io::stdout());
    size.map_or(WIDTH_DEFAULT, |(width, _)| usize::from(width.0))
}

/// The file that two of `outputs` would write: the later would replace the earlier. Devices take any number.
pub(crate) fn named_twice<'a>(outputs: &[Option<&'a Path>]) -> Option<&'a Path> {
    let named: Vec<&Path> = outputs.iter().flatten().copied().collect();
    let is_taken = |at: usize| named[..at].iter().any(|it| topics::are_same(it, named[at]));
    if let Some(at) = (0..named.len()).find(|&at| is_taken(at)) {
        return Some(named[at]);
    }
    let files: Vec<(&Path, PathBuf)> = outputs
        .iter()
        .flatten()
        .filter(|path| appears_whole(path))
        .map(|&path| (path, resolved(path)))
        .collect();
    let is_earlier = |at: usize| files[..at].iter().any(|(_, file)| *file == files[at].1);
    (0..files.len())
        .find(|&at| is_earlier(at))
        .map(|at| files[at].0)
}

/// Whether writing `output` would replace the file `input`, or a data file in the folder `input`.
pub(crate) fn replaces(output: &Path, input: &Path) -> bool {
    let is_in_folder = |folder: &Path| {
        let folder = folder.canonicalize().ok();
        let is_data = sniff::format_of_name(&output.to_string_lossy()).is_some();
        let is_there = is_data && output.is_file();
        is_there && folder.is_some() && resolved(output).parent() == folder.as_deref()
    };
    topics::are_same(output, input)
        || !is_stdout(output)
            && !topics::is_meant(output)
            && match input.is_dir() {
                true => is_in_folder(input),
                false => input.is_file() && resolved(output) == resolved(input),
            }
}

/// The file behind `path`, which need not exist: links are written through, if they lead somewhere.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(file) = path.canonicalize() {
        return file;
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// Whether `path` is a file that appears when it is finished, and not before: no pipe, no device, no descriptor of this process,
/// whatever that leads to.
pub(crate) fn appears_whole(path: &Path) -> bool {
    let is_descriptor = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"];
    !is_stdout(path)
        && !topics::is_meant(path)
        && !is_descriptor.iter().any(|prefix| path.starts_with(prefix))
        && (path.is_file() || !path.exists())
}

/// Whether what is written to `path` shows up on a terminal, under whatever name: `/dev/tty`, `/dev/stdout`.
pub(crate) fn is_terminal(path: &Path) -> bool {
    if is_stdout(path) {
        return std::io::stdout().is_terminal();
    }
    // Opening a pipe would wait for its reader, and other files are none.
    let is_device = path
        .metadata()
        .is_ok_and(|it| it.file_type().is_char_device());
    let open = || File::options().write(true).open(path);
    is_device && open().is_ok_and(|device| device.is_terminal())
}

/// Whether `path` is the name of standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_one_under_any_name() {
        // The other side of a terminal that nobody looks at.
        assert!(is_terminal(Path::new("/dev/ptmx")));
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link.parquet");
        std::os::unix::fs::symlink("/dev/ptmx", &link).unwrap();
        assert!(is_terminal(&link));
        for name in ["/dev/null", "Cargo.toml", "/nowhere"] {
            assert!(!is_terminal(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn one_file_under_two_names_is_found() {
        let twice = |names: [&'static str; 2]| {
            named_twice(&names.map(|name| Some(Path::new(name)))).is_some()
        };
        assert!(twice(["out.csv", "out.csv"]));
        assert!(twice(["out.csv", "./out.csv"]));
        assert!(!twice(["good.csv", "bad.csv"]));
        assert!(replaces(Path::new("./Cargo.toml"), Path::new("Cargo.toml")));
        assert!(!replaces(Path::new("other"), Path::new("Cargo.toml")));
        let folder = tempfile::tempdir().unwrap();
        let [data, other] = ["a.csv", "a.html"].map(|name| folder.path().join(name));
        for path in [&data, &other] {
            std::fs::write(path, "a\n").unwrap();
        }
        assert!(replaces(&data, folder.path()));
        assert!(!replaces(&other, folder.path()), "it is not read");
        assert!(!replaces(&folder.path().join("b.csv"), folder.path()));
        let elsewhere = tempfile::tempdir().unwrap();
        let link = elsewhere.path().join("link.csv");
        std::os::unix::fs::symlink(&data, &link).unwrap();
        assert!(replaces(&link, &data), "a link is written through");
        assert!(replaces(&link, folder.path()));
        assert!(named_twice(&[Some(&link), Some(&data)]).is_some());
        assert!(appears_whole(&data) && appears_whole(&folder.path().join("new")));
        for name in [
            "-",
            "/dev/stdout",
            "/dev/fd/5",
            "/proc/self/fd/5",
            "/dev/null",
        ] {
            assert!(!appears_whole(Path::new(name)), "{name}");
        }
        assert!(!twice(["-", "-"]), "another message is for this");
        assert!(!twice(["/dev/null", "/dev/null"]));
        assert_eq!(named_twice(&[Some(Path::new("out.csv")), None, None]), None);
    }
}
