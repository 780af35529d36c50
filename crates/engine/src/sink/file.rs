//! Files that appear whole or not at all.
//!
//! Bytes go to a file that has no name (`O_TMPFILE`) in the target's directory, so that a crash,
//! `kill -9` included, leaves nothing to clean up. Finishing
//!
//! 1. writes what is buffered and waits until it is on the disk (`fdatasync`): a full disk shows here at the latest;
//! 2. gives the file the target's name (`linkat`), or, where a file has that name already, a
//!    temporary one that is renamed over it at once, so that readers see the old file or the new;
//! 3. makes the directory entry durable.
//!
//! Where files without a name do not exist (NFS, FUSE, other systems) the file has a temporary
//! name from the start, which is removed unless finished.
//!
//! What is no regular file (`/dev/null`, a named pipe, `/dev/stdout`) has no "at all": it is written
//! to as the bytes come.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::direct::DirectSink;
use super::{BUFFER_BYTES, Sink, write_error};
use crate::{Error, Result};

/// Writes a file that appears under its name when [`finish`](Sink::finish)ed, and not before.
#[derive(Debug)]
pub struct FileSink {
    name: String,
    target: PathBuf,
    writer: BufWriter<File>,
    draft: Draft,
    /// The modification time it gets.
    modified: Option<SystemTime>,
}

/// The file while it is written.
#[derive(Debug)]
enum Draft {
    #[cfg(target_os = "linux")]
    Unnamed,
    Named(PathBuf),
    /// It has its place, or there was none to make.
    Published,
}

impl FileSink {
    /// A sink for `path`; an existing file stays as it is until the sink is finished, and lends the new
    /// one its permissions. A new file gets what the umask leaves of `rw-rw-rw-`.
    ///
    /// # Errors
    /// [`Error::Write`] when the directory does not exist or may not be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Box<dyn Sink>> {
        Self::create_or_say(path.as_ref(), None)
    }

    /// The same, where the file gets the permissions and the modification time of another: of the one whose content it is in
    /// another form. Nobody can open it before.
    ///
    /// # Errors
    /// As [`create`](FileSink::create).
    pub fn create_like(path: impl AsRef<Path>, other: &Metadata) -> Result<Box<dyn Sink>> {
        Self::create_or_say(path.as_ref(), Some(other))
    }

    fn create_or_say(path: &Path, other: Option<&Metadata>) -> Result<Box<dyn Sink>> {
        let name = path.to_string_lossy().into_owned();
        match Self::open(path, &name, other) {
            Ok(sink) => Ok(sink),
            Err(source) => Err(Error::Write {
                output: name,
                source,
            }),
        }
    }

    fn open(path: &Path, name: &str, other: Option<&Metadata>) -> io::Result<Box<dyn Sink>> {
        if let Some(file) = open_special(path)? {
            return Ok(Box::new(DirectSink::new(name.to_owned(), file)));
        }
        // A link is written through, not replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if target.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if target.file_name().is_none() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path does not end in a file name",
            ));
        }
        let (file, draft) = Draft::create(&target)?;
        let existing = fs::metadata(&target).ok();
        if let Some(model) = other.or(existing.as_ref()) {
            file.set_permissions(Permissions::from_mode(model.permissions().mode() & 0o777))?;
        }
        let writer = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Box::new(Self {
            name: name.to_owned(),
            target,
            writer,
            draft,
            modified: other.and_then(|other| other.modified().ok()),
        }))
    }

    fn publish(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        let file = self.writer.get_ref();
        if let Some(modified) = self.modified {
            // Some file systems know no times; the content is what matters.
            let _ = file.set_modified(modified);
        }
        file.sync_data()?;
        match &self.draft {
            #[cfg(target_os = "linux")]
            Draft::Unnamed => match link(file, &self.target) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let temporary = temporary_name(&self.target);
                    link(file, &temporary)?;
                    self.draft = Draft::Named(temporary.clone());
                    fs::rename(temporary, &self.target)?;
                }
                linked => linked?,
            },
            Draft::Named(temporary) => fs::rename(temporary, &self.target)?,
            Draft::Published => {}
        }
        self.draft = Draft::Published;
        // The file is there and whole; that its name survives a power failure is more than some
        // file systems let us ask for.
        let _ = File::open(directory_of(&self.target)).and_then(|directory| directory.sync_all());
        Ok(())
    }
}

impl Sink for FileSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer
            .write_all(bytes)
            .map_err(|source| write_error(&self.name, source))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.publish()
            .map_err(|source| write_error(&self.name, source))
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        if let Draft::Named(temporary) = &self.draft {
            let _ = fs::remove_file(temporary); // There is nobody to tell.
        }
    }
}

impl Draft {
    fn create(target: &Path) -> io::Result<(File, Self)> {
        #[cfg(target_os = "linux")]
        {
            // Without `/proc` the file could never be given a name.
            let unnamed = OpenOptions::new()
                .write(true)
                .mode(0o666)
                .custom_flags(libc::O_TMPFILE)
                .open(directory_of(target))
                .and_then(|file| fs::symlink_metadata(descriptor_path(&file)).map(|_| file));
            if let Ok(file) = unnamed {
                return Ok((file, Self::Unnamed));
            }
        }
        Self::create_named(target)
    }

    fn create_named(target: &Path) -> io::Result<(File, Self)> {
        let temporary = temporary_name(target);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o666)
            .open(&temporary)?;
        Ok((file, Self::Named(temporary)))
    }
}

/// Opens what cannot be replaced by a file: pipes, devices, descriptors of this process.
pub(super) fn open_special(path: &Path) -> io::Result<Option<File>> {
    // Opened anew, a file behind these would be written from its start; the descriptor itself
    // stands where the shell placed it (`>> log`).
    if path == Path::new("/dev/stdout") {
        return io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map(|descriptor| Some(descriptor.into()));
    }
    if path == Path::new("/dev/stderr") {
        return io::stderr()
            .as_fd()
            .try_clone_to_owned()
            .map(|descriptor| Some(descriptor.into()));
    }
    let is_descriptor = path.starts_with("/dev/fd") || path.starts_with("/proc");
    match fs::metadata(path) {
        Ok(metadata) if is_descriptor || !(metadata.is_file() || metadata.is_dir()) => {
            OpenOptions::new().append(true).open(path).map(Some)
        }
        _ => Ok(None),
    }
}

pub(super) fn directory_of(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A hidden name beside `target` that no other sink uses.
fn temporary_name(target: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let file_name = target.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    target.with_file_name(format!(".{file_name}.{}-{count}.tmp", process::id()))
}

/// Names a file that has no name yet.
#[cfg(target_os = "linux")]
fn link(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    // By way of `/proc`: naming the descriptor itself (AT_EMPTY_PATH) is a privilege. See open(2), O_TMPFILE.
    Ok(linkat(
        CWD,
        descriptor_path(file),
        CWD,
        path,
        AtFlags::SYMLINK_FOLLOW,
    )?)
}

#[cfg(target_os = "linux")]
fn descriptor_path(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sink as it is where there are no files without a name.
    fn named_sink(target: &Path) -> FileSink {
        let (file, draft) = Draft::create_named(target).expect("the folder can be written to");
        let writer = BufWriter::with_capacity(BUFFER_BYTES, file);
        FileSink {
            name: target.display().to_string(),
            target: target.to_owned(),
            writer,
            draft,
            modified: None,
        }
    }

    fn entry_count(folder: &Path) -> usize {
        fs::read_dir(folder)
            .expect("the folder can be read")
            .count()
    }

    #[test]
    fn a_draft_with_a_name_is_published_or_removed_too() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let target = folder.path().join("good.csv");
        let mut sink = named_sink(&target);
        sink.write_all(b"thrown away").expect("there is room");
        assert_eq!(entry_count(folder.path()), 1);
        drop(sink);
        assert_eq!(entry_count(folder.path()), 0);

        for content in ["first", "second"] {
            let mut sink = Box::new(named_sink(&target));
            sink.write_all(content.as_bytes()).expect("there is room");
            sink.finish().expect("there is room");
            assert_eq!(
                fs::read_to_string(&target).expect("it was published"),
                content
            );
            assert_eq!(entry_count(folder.path()), 1);
        }
    }
}
