//! Stores, for whoever needs one: how they are found, opened with the settings that hold here, and how a file in one stands where a path could:
//! `store:[DIR@]REF:PATH`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::builder::{PathBufValueParser, TypedValueParser};
use nix::unistd::{Uid, User};
use tamis_engine::control::Cancel;
use tamis_engine::human;
use tamis_engine::sink::Sink;
use tamis_engine::source::{ReadOptions, Source};
use tamis_scan::names;
use tamis_store::caches::{CacheCounters, TierCounters};
use tamis_store::entry::Content;
use tamis_store::pack::frame;
use tamis_store::read::{StoreSource, StoreUri};
use tamis_store::session::CommitRequest;
use tamis_store::settings::Settings;
use tamis_store::store::{FOLDER, Store};
use tamis_store::tree::{self, Child, NodeRef};
use tamis_store::write_file::StoreSink;

use crate::args::Globals;
use crate::config::{Compression, Config};
use crate::{Context, Error, Result};

/// Says who makes a commit.
const AUTHOR_VARIABLE: &str = "TAMIS_AUTHOR";

/// The store that was named: the folder itself, or a `.tamis` in it, and not one above; without a name, the nearest above the current folder.
pub(crate) fn find(named: Option<&Path>) -> Result<PathBuf> {
    let Some(named) = named else {
        let current = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        return Ok(Store::discover(&current)?);
    };
    let none = || Error::Usage {
        message: format!("`{}` is no store, and has none", names::show(named)),
        hint: Some("`tamis store init DIR` makes one in DIR".to_owned()),
    };
    let found = Store::discover(named).map_err(|error| match error {
        tamis_store::Error::NoStore { .. } => none(),
        error => error.into(),
    })?;
    let folder = named.canonicalize().map_err(|_| none())?;
    match found == folder || found == folder.join(FOLDER) {
        true => Ok(found),
        false => Err(none()),
    }
}

/// Whether this names a file in a store.
pub(crate) fn is_meant(name: &Path) -> bool {
    StoreUri::is_meant(name)
}

/// For clap: a path that is not one in a store, which is refused for the reason given.
pub(crate) fn outside(why: &'static str) -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(move |path| match is_meant(&path) {
        true => Err(why),
        false => Ok(path),
    })
}

/// The path in the commit that a name of a file in a store has; of any other name, itself.
pub(crate) fn path_of(name: &Path) -> PathBuf {
    let uri = is_meant(name).then(|| StoreUri::parse(name).ok()).flatten();
    match uri {
        Some(uri) => as_path(&uri.path).to_owned(),
        None => name.to_owned(),
    }
}

/// The file in a store that `name` names, as an input.
pub(crate) fn source(
    name: &Path,
    options: ReadOptions,
    globals: &Globals,
    cancel: &Cancel,
) -> Result<Box<dyn Source>> {
    let (uri, store) = open_named(name, globals, cancel)?;
    globals.read_stores.note(&store);
    let shown = name.to_string_lossy();
    let source = StoreSource::new(store, &uri.revision, &uri.path, shown, options)?;
    Ok(Box::new(source))
}

/// What a name in a store leads to, where a file or a folder is an input.
#[derive(Debug)]
pub(crate) struct Named {
    store: Arc<Store>,
    /// As it was typed.
    name: PathBuf,
    path: Vec<u8>,
    target: Target,
}

#[derive(Debug)]
enum Target {
    File(Child),
    Folder(NodeRef),
}

/// A file in a store.
#[derive(Debug)]
pub(crate) struct Stored {
    /// What would have to be typed for it.
    pub(crate) name: PathBuf,
    store: Arc<Store>,
    child: Child,
}

impl Named {
    /// Looks up what `name` names.
    pub(crate) fn open(name: &Path, globals: &Globals, cancel: &Cancel) -> Result<Named> {
        let (uri, store) = open_named(name, globals, cancel)?;
        globals.read_stores.note(&store);
        let (_, commit) = store.resolve(&uri.revision)?;
        let folder = match uri.path.is_empty() {
            true => Some(commit.root),
            false => {
                let child = tree::lookup(commit.root, &uri.path, store.objects())?;
                child.and_then(|it| it.folder).map(|(node, _)| node)
            }
        };
        let target = match folder {
            Some(folder) => Target::Folder(folder),
            None => Target::File(store.find_file(commit.root, &uri.path, &uri.revision)?),
        };
        Ok(Named {
            store,
            name: name.to_owned(),
            path: uri.path,
            target,
        })
    }

    /// For whoever passes it on: a part of the folder could not be read.
    pub(crate) fn unread(&self, error: tamis_store::Error) -> tamis_engine::Error {
        tamis_engine::Error::Producer {
            input: self.name.to_string_lossy().into_owned(),
            source: Box::new(error),
        }
    }

    pub(crate) fn is_folder(&self) -> bool {
        matches!(self.target, Target::Folder(_))
    }

    /// The file that was named; or those below the folder that was, in the order of the tree. `takes` is asked whether a file is to be
    /// among them, and whether a folder is to be gone into: by its path in the commit, how many folders below the one named it is, and
    /// whether it is a folder. Links are passed over. What cannot be read is an error, and the others follow.
    pub(crate) fn files<'a>(
        &'a self,
        takes: impl FnMut(&Path, usize, bool) -> bool + Send + 'a,
    ) -> Box<dyn Iterator<Item = tamis_store::Result<Stored>> + Send + 'a> {
        let stored = |name: PathBuf, child: Child| Stored {
            name,
            store: self.store.clone(),
            child,
        };
        match &self.target {
            Target::File(child) => {
                let file = stored(self.name.clone(), child.clone());
                Box::new(std::iter::once(Ok(file)))
            }
            Target::Folder(folder) => Box::new(self.below(*folder, takes)),
        }
    }

    fn below<'a>(
        &'a self,
        folder: NodeRef,
        mut takes: impl FnMut(&Path, usize, bool) -> bool + Send + 'a,
    ) -> impl Iterator<Item = tamis_store::Result<Stored>> + Send + 'a {
        let mut walk = tree::walk(&self.path, folder, self.store.objects());
        std::iter::from_fn(move || {
            loop {
                let found = match walk.next()? {
                    Ok(found) => found,
                    Err(error) => return Some(Err(error)),
                };
                let is_folder = found.child.folder.is_some();
                let inside = self.inside(&found.path);
                let depth = inside.split(|&byte| byte == b'/').count();
                let is_taken = takes(as_path(&found.path), depth, is_folder);
                match found.child.entry.content {
                    Content::Folder if !is_taken => walk.skip_folder(),
                    Content::File { .. } if is_taken => {
                        return Some(Ok(Stored {
                            name: self.name_of(inside),
                            store: self.store.clone(),
                            child: found.child,
                        }));
                    }
                    _ => {}
                }
            }
        })
    }

    /// A path in the commit, from the folder that was named on.
    fn inside<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        let skipped = self.path.len() + usize::from(!self.path.is_empty());
        path.get(skipped..).unwrap_or_default()
    }

    fn name_of(&self, inside: &[u8]) -> PathBuf {
        let mut name: OsString = self.name.clone().into();
        if !self.path.is_empty() {
            name.push("/");
        }
        name.push(OsStr::from_bytes(inside));
        name.into()
    }
}

impl Stored {
    /// Its bytes.
    pub(crate) fn source(self, options: ReadOptions) -> Box<dyn Source> {
        let shown = self.name.to_string_lossy();
        let source = StoreSource::of_child(self.store, self.child, shown, options);
        Box::new(source)
    }
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// A sink whose bytes become the file in a store that `name` names, in a commit of its own.
pub(crate) fn sink(name: &Path, message: String, context: &Context<'_>) -> Result<Box<dyn Sink>> {
    let (uri, store) = open_named(name, context.globals, context.cancel)?;
    let request = CommitRequest {
        message,
        author: author(),
        offset_minutes: local_offset_minutes(),
        allows_empty: false,
    };
    let shown = name.to_string_lossy();
    let (sink, _) = StoreSink::new(store, &uri.revision, &uri.path, shown, request)?;
    Ok(Box::new(sink))
}

fn open_named(name: &Path, globals: &Globals, cancel: &Cancel) -> Result<(StoreUri, Arc<Store>)> {
    let uri = StoreUri::parse(name)?;
    let folder = find(uri.store.as_deref())?;
    let store = Store::open(&folder, settings(globals)?, cancel)?;
    Ok((uri, Arc::new(store)))
}

/// The stores that the inputs of a run are in. Clones have the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadStores(Arc<Mutex<Vec<Arc<Store>>>>);

impl ReadStores {
    fn note(&self, store: &Arc<Store>) {
        let stores = self.0.lock();
        stores
            .unwrap_or_else(PoisonError::into_inner)
            .push(store.clone());
    }

    /// What `--perf` says of their caches: nothing, if no input is in a store.
    pub(crate) fn performance(&self) -> Option<String> {
        let stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pages = stores.iter().map(|store| {
            let folder = names::show(store.folder());
            format!("store {folder}{}", caches(&store.objects().counters()))
        });
        let pages: Vec<String> = pages.collect();
        (!pages.is_empty()).then(|| pages.join("\n"))
    }
}

/// How the caches of a store did: three lines, each behind a line feed.
pub(crate) fn caches(counters: &CacheCounters) -> String {
    let tiers = [
        ("unpacked frames", &counters.hot),
        ("pages of packs", &counters.warm),
        ("tables of packs", &counters.tables),
    ];
    let lines = tiers.map(|(name, tier)| {
        let TierCounters {
            hits,
            misses,
            evictions,
            bytes,
            budget_bytes,
        } = *tier;
        format!(
            "\n  {name}: {} hits, {} misses, {} evictions; {} of {}",
            human::count(hits),
            human::count(misses),
            human::count(evictions),
            human::bytes(bytes),
            human::bytes(budget_bytes),
        )
    });
    lines.concat()
}

/// Who makes commits, where nobody says otherwise.
pub(crate) fn author() -> String {
    let variable = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
    if let Some(author) = variable(AUTHOR_VARIABLE) {
        return author;
    }
    // A service or a container may have no such variable.
    let user = variable("USER")
        .or_else(account)
        .or_else(|| variable("LOGNAME"))
        .unwrap_or_else(|| Uid::current().to_string());
    let host = fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| variable("HOSTNAME"));
    format!("{user}@{}", host.as_deref().unwrap_or("localhost"))
}

/// What the system calls the user who runs this.
fn account() -> Option<String> {
    let user = User::from_uid(Uid::current()).ok().flatten();
    user.map(|user| user.name).filter(|name| !name.is_empty())
}

/// Minutes that the local clock is ahead of UTC now.
pub(crate) fn local_offset_minutes() -> i16 {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::system());
    i16::try_from(now.offset().seconds() / 60).unwrap_or(0)
}

/// What is configured, in the words of the store.
pub(crate) fn settings(globals: &Globals) -> Result<Settings> {
    let performance = Config::of_process()?.performance(globals);
    let len = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Ok(Settings {
        threads: performance.max_worker_threads,
        batch_files: performance.batch_size,
        buffer_bytes: len(performance.buffer_size.0),
        memory_bytes: performance.max_memory_usage.0,
        chunk_cache_bytes: performance.chunk_cache_size.0,
        file_cache_bytes: performance.file_cache_size.0,
        window_threshold_bytes: performance.memory_map_threshold.0,
        compression_threshold_bytes: len(performance.compression_threshold.0),
        streaming_threshold_bytes: performance.streaming_threshold.0,
        compression: of_frames(performance.compression),
    })
}

/// The same for frames of packs.
pub(crate) fn of_frames(compression: Compression) -> frame::Compression {
    match compression {
        Compression::None => frame::Compression::None,
        Compression::Lz4 => frame::Compression::Lz4,
        Compression::Zstd(level) => frame::Compression::Zstd(level),
    }
}

/// For clap: `none`, `lz4`, `zstd` or `zstd:LEVEL`.
pub(crate) fn parse_compression(text: &str) -> std::result::Result<Compression, String> {
    text.parse()
        .map_err(|_| "expected none, lz4, zstd or zstd:LEVEL with a level from -7 to 19".to_owned())
}
