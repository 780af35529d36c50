//! Stores, for whoever needs one: how they are found, opened with the settings that hold here, and how a file in one stands where a path could:
//! `store:[DIR@]REF:PATH`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tamis_engine::control::Cancel;
use tamis_engine::human;
use tamis_engine::sink::Sink;
use tamis_engine::source::{ReadOptions, Source};
use tamis_scan::names;
use tamis_store::caches::{CacheCounters, TierCounters};
use tamis_store::pack::frame;
use tamis_store::read::{StoreSource, StoreUri};
use tamis_store::session::CommitRequest;
use tamis_store::settings::Settings;
use tamis_store::store::{FOLDER, Store};
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
    let none = || tamis_store::Error::NoStore {
        path: named.to_owned(),
    };
    let found = Store::discover(named).map_err(|_| none())?;
    let folder = named.canonicalize().map_err(|_| none())?;
    match found == folder || found == folder.join(FOLDER) {
        true => Ok(found),
        false => Err(none().into()),
    }
}

/// Whether this names a file in a store.
pub(crate) fn is_meant(name: &Path) -> bool {
    StoreUri::is_meant(name)
}

/// The path in the commit that a name of a file in a store has; of any other name, itself.
pub(crate) fn path_of(name: &Path) -> PathBuf {
    let uri = is_meant(name).then(|| StoreUri::parse(name).ok()).flatten();
    match uri {
        Some(uri) => {
            use std::os::unix::ffi::OsStrExt;
            PathBuf::from(OsStr::from_bytes(&uri.path))
        }
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
    let user = variable("USER").or_else(|| variable("LOGNAME"));
    let host = fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| variable("HOSTNAME"));
    format!(
        "{}@{}",
        user.as_deref().unwrap_or("unknown"),
        host.as_deref().unwrap_or("localhost")
    )
}

/// Minutes that the local clock is ahead of UTC now.
pub(crate) fn local_offset_minutes() -> i16 {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::system());
    i16::try_from(now.offset().seconds() / 60).unwrap_or(0)
}

/// What is configured, in the words of the store.
pub(crate) fn settings(globals: &Globals) -> Result<Settings> {
    let current = std::env::current_dir().map_err(|source| Error::Read {
        path: ".".into(),
        source,
    })?;
    let config = Config::load(&current, |name| std::env::var_os(name))?;
    let performance = config.performance(globals);
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
