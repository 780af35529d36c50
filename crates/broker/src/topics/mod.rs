//! Topics: names, ids, settings and partitions; in memory, and in the data folder.
//!
//! ```text
//! DATA/lock                   held by the process that serves the folder
//! DATA/cluster.json           version of the folder, id of the cluster, the next producer id
//! DATA/recovery-point.json    up to where partitions are on stable storage
//! DATA/topics/NAME.json       id, number of partitions and settings of a topic
//! DATA/logs/NAME-PARTITION/   the log of a partition
//! DATA/groups/                the log of consumer groups
//! ```
//!
//! A topic exists once its file does, which is written last when one is created and removed first when one is deleted; logs
//! without a topic are removed at the next start.

mod checkpoint;
mod config;
mod file;
mod letters;
mod name;

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use uuid::Uuid;

use crate::gate::{self, Gate};
use crate::log::{Log, LogConfig, Recovery, Shared};
use crate::metrics::{Traffic, Verdicts};
use crate::{Error, Result, json_file};
use checkpoint::Checkpoint;
pub use config::{BadSetting, Edit, KNOWN, Kind, Known, Settings};
use file::TopicFile;
pub use name::{BadName, check_name};

/// Partitions of a topic at most: each has a folder.
pub const PARTITIONS_MAX: usize = 10_000;

/// A topic.
#[derive(Debug)]
pub struct Topic {
    name: String,
    id: Uuid,
    partitions: ArcSwap<Vec<Arc<Log>>>,
    settings: ArcSwap<Settings>,
    /// What records are held against before they are appended.
    gate: ArcSwapOption<Gate>,
    pub(crate) traffic: Traffic,
    pub(crate) verdicts: Verdicts,
}

/// All topics of a broker.
#[derive(Debug)]
pub struct Topics {
    data: PathBuf,
    shared: Shared,
    /// What topics have that do not say otherwise.
    defaults: LogConfig,
    by_name: ArcSwap<HashMap<String, Arc<Topic>>>,
    by_id: ArcSwap<HashMap<Uuid, Arc<Topic>>>,
    /// Whether any topic has, or had, a gate.
    has_gates: AtomicBool,
    /// Held while topics come, go or change; whether they still may.
    changing: Mutex<Changes>,
    /// Held while it is noted what is durable.
    noting: Mutex<()>,
}

/// Whether topics may come, go and change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Changes {
    #[default]
    Allowed,
    /// The broker is closed: the folder may be somebody else's.
    Ended,
}

impl Topic {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id, which no other topic of that name had or will have.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Its partitions, by number.
    pub fn partitions(&self) -> Arc<Vec<Arc<Log>>> {
        self.partitions.load_full()
    }

    /// One of its partitions.
    pub fn partition(&self, index: i32) -> Option<Arc<Log>> {
        let partitions = self.partitions.load();
        partitions.get(usize::try_from(index).ok()?).cloned()
    }

    /// Whether it can be given so many partitions.
    ///
    /// # Errors
    /// [`Error::Growth`].
    pub fn check_growth(&self, partitions: usize) -> Result<()> {
        let now = self.partitions.load().len();
        match partitions > now && partitions <= PARTITIONS_MAX {
            true => Ok(()),
            false => Err(Error::Growth {
                name: self.name.clone(),
                now,
                asked: partitions,
            }),
        }
    }

    /// Whether of each key only the last record is kept.
    pub(crate) fn is_compacted(&self) -> bool {
        let first = self.partition(0);
        first.is_some_and(|it| it.config().cleanup.compacts())
    }

    /// What records are held against before they are appended to it.
    pub(crate) fn gate(&self) -> Option<Arc<Gate>> {
        self.gate.load_full()
    }

    /// Its own settings.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }
}

impl Topics {
    /// Opens all topics in a data folder; tells what recovery found in each log, if anything.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(crate) fn open(
        data: &Path,
        defaults: LogConfig,
        shared: Shared,
    ) -> Result<(Topics, Vec<(String, Recovery)>)> {
        for folder in ["topics", "logs"] {
            let folder = data.join(folder);
            fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        }
        let topics = Topics {
            data: data.to_owned(),
            shared,
            defaults,
            by_name: ArcSwap::default(),
            by_id: ArcSwap::default(),
            has_gates: AtomicBool::new(false),
            changing: Mutex::default(),
            noting: Mutex::default(),
        };
        let found = topics.read_all()?;
        Ok((topics, found))
    }

    fn read_all(&self) -> Result<Vec<(String, Recovery)>> {
        let mut found = Vec::new();
        let mut topics = Vec::new();
        let checkpoint = Checkpoint::read(&self.data)?;
        let folder = self.data.join("topics");
        for entry in fs::read_dir(&folder).map_err(Error::io("read", &folder))? {
            let path = entry.map_err(Error::io("read", &folder))?.path();
            if path.extension().is_none_or(|it| it != "json") {
                continue;
            }
            let Some(name) = path.file_stem().and_then(|it| it.to_str()) else {
                continue;
            };
            // It was there just now, and the folder is ours.
            let Some(file) = TopicFile::read(&path)? else {
                continue;
            };
            let (topic, recoveries) = self.open_topic(name, file, &checkpoint)?;
            found.extend(recoveries);
            topics.push(Arc::new(topic));
        }
        self.insert(&topics);
        self.remove_orphans()?;
        Ok(found)
    }

    fn open_topic(
        &self,
        name: &str,
        file: TopicFile,
        checkpoint: &Checkpoint,
    ) -> Result<(Topic, Vec<(String, Recovery)>)> {
        let config = file.settings.apply(&self.defaults);
        let mut partitions = Vec::with_capacity(file.partitions);
        let mut found = Vec::new();
        for index in 0..file.partitions {
            let folder = self.log_folder(name, index);
            let recovery_point = checkpoint.durable_offset(file.id, index);
            let opened = Log::open(&folder, config.clone(), &self.shared, recovery_point);
            let (log, recovery) = opened?;
            if recovery.torn_bytes > 0 || !recovery.damaged.is_empty() {
                found.push((format!("{name}-{index}"), recovery));
            }
            partitions.push(Arc::new(log));
        }
        let gate = self.gate_of(name, file.id, &file.settings);
        let topic = Topic {
            name: name.to_owned(),
            id: file.id,
            partitions: ArcSwap::from_pointee(partitions),
            settings: ArcSwap::from_pointee(file.settings),
            gate: ArcSwapOption::from(gate),
            traffic: Traffic::default(),
            verdicts: Verdicts::default(),
        };
        Ok((topic, found))
    }

    fn gate_of(&self, name: &str, id: Uuid, settings: &Settings) -> Option<Arc<Gate>> {
        let gate = Gate::of(name, id, settings)?;
        self.has_gates.store(true, Ordering::Release);
        Some(Arc::new(gate))
    }

    /// Removes logs of topics that are not there: a process was killed while it made or deleted one.
    fn remove_orphans(&self) -> Result<()> {
        let folder = self.data.join("logs");
        let topics = self.by_name.load();
        for entry in fs::read_dir(&folder).map_err(Error::io("read", &folder))? {
            let path = entry.map_err(Error::io("read", &folder))?.path();
            let name = path.file_name().and_then(|it| it.to_str());
            let Some((topic, index)) = name.and_then(|it| it.rsplit_once('-')) else {
                continue;
            };
            let Ok(index) = index.parse::<i32>() else {
                continue;
            };
            let known = topics.get(topic);
            if known.is_some_and(|it| it.partition(index).is_some()) {
                continue;
            }
            if known.is_some() {
                TopicFile::check_unused(&self.file_path(topic), &path)?;
            }
            fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
        Ok(())
    }

    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.by_name.load().get(name).cloned()
    }

    /// The topic of this id.
    pub fn topic_of_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.by_id.load().get(&id).cloned()
    }

    /// Whether there may be a topic with a gate.
    pub(crate) fn have_gates(&self) -> bool {
        self.has_gates.load(Ordering::Acquire)
    }

    /// What a topic is set to that is to have the settings `asked` in place of those it has.
    ///
    /// # Errors
    /// [`Error::BadSetting`], if it may not be.
    pub(crate) fn settled(
        &self,
        name: &str,
        before: &Settings,
        mut asked: Settings,
    ) -> Result<Settings> {
        asked.settle(before);
        gate::check(name, before, &asked).map_err(BadSetting::from)?;
        self.check_letters(name, &asked)?;
        Ok(asked)
    }

    /// All topics, by name.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        let mut all: Vec<_> = self.by_name.load().values().cloned().collect();
        all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// What topics have that do not say otherwise.
    pub fn defaults(&self) -> &LogConfig {
        &self.defaults
    }

    /// Makes a topic; its logs and its file are durable then.
    ///
    /// # Errors
    /// [`Error::TopicExists`], [`Error::BadName`], [`Error::BadSetting`], [`Error::Io`], [`Error::Closed`].
    pub fn create(&self, name: &str, partitions: usize, settings: Settings) -> Result<Arc<Topic>> {
        check_name(name)?;
        let changing = self.lock()?;
        if self.topic(name).is_some() {
            return Err(Error::TopicExists(name.to_owned()));
        }
        let settings = self.settled(name, &Settings::default(), settings)?;
        if gate::has_letters(&settings) {
            self.make_letters((name, &settings), partitions, &changing)?;
        }
        self.make(name, partitions, settings, &changing)
    }

    fn make(
        &self,
        name: &str,
        partitions: usize,
        settings: Settings,
        _changing: &MutexGuard<'_, Changes>,
    ) -> Result<Arc<Topic>> {
        let file = TopicFile {
            version: file::VERSION,
            id: Uuid::new_v4(),
            partitions,
            settings,
        };
        for index in 0..partitions {
            // Of a topic of this name that was not deleted whole.
            remove_folder(&self.log_folder(name, index))?;
        }
        let (topic, _) = self.open_topic(name, file.clone(), &Checkpoint::default())?;
        self.shared
            .files
            .disk()
            .sync_folder(&self.data.join("logs"))?;
        self.write_file(name, &file)?;
        let topic = Arc::new(topic);
        self.insert(std::slice::from_ref(&topic));
        Ok(topic)
    }

    /// Deletes a topic and all its records; who reads one of its files reads on.
    ///
    /// # Errors
    /// [`Error::UnknownTopic`], [`Error::Io`], [`Error::Closed`]. If that it is gone could not be made durable it is gone all the same, until
    /// a power cut may bring it back.
    pub fn delete(&self, name: &str) -> Result<()> {
        let _changing = self.lock()?;
        let topic = self.topic(name);
        let topic = topic.ok_or_else(|| Error::UnknownTopic(name.to_owned()))?;
        let path = self.file_path(name);
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        let synced = self.shared.files.disk();
        let synced = synced.sync_folder(&self.data.join("topics"));
        // From here on the next start does not know it, so nobody is to write to it, whatever became of the folder.
        self.by_name.rcu(|topics| {
            let mut topics = HashMap::clone(topics);
            topics.remove(name);
            topics
        });
        self.by_id.rcu(|topics| {
            let mut topics = HashMap::clone(topics);
            topics.remove(&topic.id);
            topics
        });
        let partitions = topic.partitions();
        partitions.iter().for_each(|log| log.retire());
        // One that may come back is to come back whole.
        synced?;
        for index in 0..partitions.len() {
            // The topic is gone, whatever is left of it: the next start removes it, or whoever makes a topic of that name.
            if let Err(error) = remove_folder(&self.log_folder(name, index)) {
                tracing::warn!(%error, "a deleted partition is still there");
            }
        }
        Ok(())
    }

    /// Lets none of them come, go or change any more; waits for what is under way, which may outlive its connection.
    pub(crate) fn end_changes(&self) {
        if let Ok(mut changes) = self.lock() {
            *changes = Changes::Ended;
        }
    }

    /// Gives a topic more partitions.
    ///
    /// # Errors
    /// [`Error::UnknownTopic`], [`Error::Growth`], [`Error::Io`], [`Error::Closed`].
    pub fn grow(&self, name: &str, partitions: usize) -> Result<()> {
        let changing = self.lock()?;
        let topic = self.topic(name);
        let topic = topic.ok_or_else(|| Error::UnknownTopic(name.to_owned()))?;
        topic.check_growth(partitions)?;
        let settings = topic.settings();
        if gate::has_letters(&settings) {
            self.make_letters((name, &settings), partitions, &changing)?;
        }
        self.enlarge(name, partitions, &changing)
    }

    fn enlarge(
        &self,
        name: &str,
        partitions: usize,
        _changing: &MutexGuard<'_, Changes>,
    ) -> Result<()> {
        let topic = self.topic(name);
        let topic = topic.ok_or_else(|| Error::UnknownTopic(name.to_owned()))?;
        topic.check_growth(partitions)?;
        let settings = Settings::clone(&topic.settings());
        let config = settings.apply(&self.defaults);
        let mut logs = Vec::clone(&topic.partitions());
        for index in logs.len()..partitions {
            let folder = self.log_folder(name, index);
            remove_folder(&folder)?;
            let (log, _) = Log::open(&folder, config.clone(), &self.shared, 0)?;
            logs.push(Arc::new(log));
        }
        self.shared
            .files
            .disk()
            .sync_folder(&self.data.join("logs"))?;
        self.write_file(
            name,
            &TopicFile {
                version: file::VERSION,
                id: topic.id,
                partitions: logs.len(),
                settings,
            },
        )?;
        topic.partitions.store(Arc::new(logs));
        Ok(())
    }

    /// Changes the settings of a topic; they hold from the next batch on.
    ///
    /// # Errors
    /// [`Error::UnknownTopic`], [`Error::Io`], [`Error::Closed`], what `change` answers; then they are as before.
    pub fn configure(
        &self,
        name: &str,
        change: impl FnOnce(&mut Settings) -> Result<()>,
    ) -> Result<()> {
        let changing = self.lock()?;
        let topic = self.topic(name);
        let topic = topic.ok_or_else(|| Error::UnknownTopic(name.to_owned()))?;
        let before = topic.settings();
        let mut settings = Settings::clone(&before);
        change(&mut settings)?;
        let settings = self.settled(name, &before, settings)?;
        let partitions = topic.partitions();
        if gate::has_letters(&settings) {
            self.make_letters((name, &settings), partitions.len(), &changing)?;
        }
        self.write_file(
            name,
            &TopicFile {
                version: file::VERSION,
                id: topic.id,
                partitions: partitions.len(),
                settings: settings.clone(),
            },
        )?;
        let config = settings.apply(&self.defaults);
        if settings != *before {
            topic.gate.store(self.gate_of(name, topic.id, &settings));
        }
        topic.settings.store(Arc::new(settings));
        for log in partitions.iter() {
            log.configure(config.clone());
        }
        Ok(())
    }

    fn insert(&self, topics: &[Arc<Topic>]) {
        self.by_name.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.extend(topics.iter().map(|it| (it.name.clone(), it.clone())));
            known
        });
        self.by_id.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.extend(topics.iter().map(|it| (it.id, it.clone())));
            known
        });
    }

    fn write_file(&self, name: &str, file: &TopicFile) -> Result<()> {
        json_file::write(self.shared.files.disk(), &self.file_path(name), file)
    }

    fn file_path(&self, name: &str) -> PathBuf {
        // Names have dots in them, so an extension is appended and not set.
        self.data.join("topics").join(format!("{name}.json"))
    }

    fn log_folder(&self, name: &str, index: usize) -> PathBuf {
        self.data.join("logs").join(format!("{name}-{index}"))
    }

    fn lock_checkpoint(&self) -> MutexGuard<'_, ()> {
        self.noting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> Result<MutexGuard<'_, Changes>> {
        let changes = self.changing.lock();
        let changes = changes.unwrap_or_else(PoisonError::into_inner);
        match *changes {
            Changes::Allowed => Ok(changes),
            Changes::Ended => Err(Error::Closed),
        }
    }
}

/// Removes a folder and all that is in it, if it is there.
fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(Error::io("remove", folder)),
    }
}
