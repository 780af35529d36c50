//! A broker: what it is set up with, what it holds, and how its data folder is opened and closed.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::access::{Access, AccessOptions};
use crate::background::Background;
use crate::disk::{Disk, RealDisk, SharedDisk};
use crate::flusher::{Flusher, Flushing};
use crate::groups::{GroupOptions, Groups};
use crate::log::{Budget, Files, Log, LogConfig, Recovery, Shared};
use crate::metrics::{Allocations, Metrics};
use crate::quotas::{QuotaOptions, Quotas};
use crate::tls::Tls;
use crate::topics::Topics;
use crate::unpacking::Unpacking;
use crate::upkeep::Schedule;
use crate::{Error, Result, cleaner, json_file, upkeep};

/// What was found in logs that were not closed in order, by topic and partition.
pub type Recoveries = Vec<(String, Recovery)>;

/// The number of the only node there is.
pub(crate) const NODE_ID: i32 = 1;

/// Producer ids are handed out from blocks of this size, each of which is noted on the disk before.
const PRODUCER_ID_BLOCK: i64 = 1000;

/// Bytes of recent batches that all partitions keep in memory together.
const TAIL_BYTES: usize = 32 << 20;

/// What a broker is set up with; each has a default that is right for most.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder, made if it is not there.
    pub data: PathBuf,
    /// Whether a topic that is asked for is made.
    pub creates_topics: bool,
    /// Partitions of a topic that does not say how many.
    pub partitions: usize,
    /// What topics have that do not say otherwise.
    pub log: LogConfig,
    /// What consumer groups are held to.
    pub groups: GroupOptions,
    /// The largest request taken.
    pub request_bytes_max: usize,
    /// Bytes of requests that are being worked on, all connections together.
    pub in_flight_bytes: usize,
    /// Connections at a time.
    pub connections_max: usize,
    /// A connection over which nothing comes for so long is closed.
    pub idle: Duration,
    /// A request or an answer that makes no progress for so long ends the connection.
    pub stalled: Duration,
    /// How several partitions are made durable at a time.
    pub flushing: Flushing,
    /// Files that are kept open.
    pub files_max: usize,
    /// How often records that are too old are removed (`log.retention.check.interval.ms`).
    pub retention_check: Duration,
    /// How often it is looked which partitions are to be compacted (`log.cleaner.backoff.ms`).
    pub cleaning_check: Duration,
    /// How often it is noted what is on stable storage, which the next start need not read
    /// (`log.flush.offset.checkpoint.interval.ms`).
    pub checkpoint: Duration,
    /// Who may come in, and who may do what.
    pub access: AccessOptions,
    /// What clients may send and read in a second.
    pub quotas: QuotaOptions,
    /// How often it is looked whether the certificate of TLS has changed.
    pub certificate_check: Duration,
    /// What TLS is spoken with, where it is.
    pub(crate) tls: Option<Tls>,
    /// Tells what the process has allocated, where somebody counts it.
    pub allocations: Option<fn() -> Allocations>,
}

impl Options {
    /// The defaults, for this data folder.
    pub fn new(data: impl Into<PathBuf>) -> Options {
        Options {
            data: data.into(),
            creates_topics: true,
            partitions: 1,
            log: LogConfig::default(),
            groups: GroupOptions::default(),
            request_bytes_max: 100 << 20,
            in_flight_bytes: 64 << 20,
            connections_max: 10_000,
            idle: Duration::from_secs(600),
            stalled: Duration::from_secs(30),
            flushing: Flushing::default(),
            files_max: 512,
            retention_check: Duration::from_secs(300),
            cleaning_check: Duration::from_secs(15),
            checkpoint: Duration::from_secs(60),
            access: AccessOptions::default(),
            quotas: QuotaOptions::default(),
            certificate_check: Duration::from_secs(10),
            tls: None,
            allocations: None,
        }
    }
}

impl Options {
    /// Units of [`crate::server::PERMIT_BYTES`] that may be in flight.
    pub(crate) fn in_flight_units(&self) -> usize {
        let units = self.in_flight_bytes / crate::server::PERMIT_BYTES;
        units.clamp(1, Semaphore::MAX_PERMITS)
    }
}

/// What the file of the data folder says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClusterFile {
    version: u32,
    cluster_id: String,
    next_producer_id: i64,
}

const CLUSTER_FILE_VERSION: u32 = 1;

/// A broker that has its data folder open. It serves nobody until it is started by a [`crate::Builder`].
#[derive(Debug)]
pub struct Broker {
    pub(crate) options: Options,
    pub(crate) topics: Arc<Topics>,
    pub(crate) groups: Groups,
    pub(crate) flusher: Flusher,
    pub(crate) upkeep: Background,
    pub(crate) cleaner: Background,
    pub(crate) metrics: Metrics,
    pub(crate) cluster_id: String,
    /// Of bytes in flight, in units of [`crate::server::PERMIT_BYTES`].
    pub(crate) in_flight: Arc<Semaphore>,
    /// The same of requests that wait for something to happen, such as records to come: they are not to keep others from coming.
    pub(crate) waiting: Arc<Semaphore>,
    pub(crate) unpacking: Unpacking,
    pub(crate) access: Access,
    pub(crate) quotas: Quotas,
    next_producer_id: AtomicI64,
    noted_producer_id: Mutex<ClusterFile>,
    disk: SharedDisk,
    /// `None` once it is closed: the folder is free then, whoever still holds us.
    lock: Mutex<Option<File>>,
}

impl Broker {
    /// Opens the data folder; tells what was found in logs that were not closed in order.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Io`], [`Error::Damaged`], [`Error::Grants`], [`Error::GrantsForNobody`]; where [`Options::flushing`] wants a ring, [`Error::WithoutRing`], [`Error::Ring`].
    pub fn open(options: Options) -> Result<(Arc<Broker>, Recoveries)> {
        Broker::open_on(Arc::new(RealDisk), options)
    }

    /// The same, on another disk.
    pub(crate) fn open_on(disk: SharedDisk, options: Options) -> Result<(Arc<Broker>, Recoveries)> {
        let flushing = options.flushing.prepare()?;
        let data = &options.data;
        fs::create_dir_all(data).map_err(Error::io("create", data))?;
        let lock = lock(data)?;
        let access = Access::open(&options.access, data)?;
        let cluster = read_cluster(&*disk, data)?;
        let shared = Shared {
            files: Files::on(disk.clone(), options.files_max),
            tails: Budget::new(TAIL_BYTES),
        };
        let (topics, mut found) = Topics::open(data, options.log.clone(), shared.clone())?;
        let topics = Arc::new(topics);
        // What was found is durable, and may be less than what was noted before.
        topics.write_checkpoint()?;
        let is_topic = |name: &str| topics.topic(name).is_some();
        let folder = data.join("groups");
        let (groups, recovery) = Groups::open(&folder, options.groups.clone(), &shared, is_topic)?;
        if recovery.torn_bytes > 0 || !recovery.damaged.is_empty() {
            found.push(("groups".to_owned(), recovery));
        }
        let schedule = Schedule {
            retention: options.retention_check,
            checkpoint: options.checkpoint,
        };
        let thread = |error| Error::io("start a thread for", data)(error);
        let upkeep = upkeep::start(topics.clone(), schedule).map_err(thread)?;
        let cleaner = cleaner::start(topics.clone(), options.cleaning_check).map_err(thread)?;
        let metrics = Metrics::new();
        let flusher = Flusher::start(flushing, metrics.syncs.clone()).map_err(thread)?;
        let broker = Broker {
            topics,
            groups,
            flusher,
            upkeep,
            cleaner,
            metrics,
            cluster_id: cluster.cluster_id.clone(),
            in_flight: Arc::new(Semaphore::new(options.in_flight_units())),
            waiting: Arc::new(Semaphore::new(options.in_flight_units())),
            unpacking: Unpacking::new(),
            access,
            quotas: Quotas::new(options.quotas),
            next_producer_id: AtomicI64::new(cluster.next_producer_id),
            noted_producer_id: Mutex::new(cluster),
            options,
            disk,
            lock: Mutex::new(Some(lock)),
        };
        Ok((Arc::new(broker), found))
    }

    /// The topics.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The file of users, if clients have to say who they are and there is nobody in it yet.
    pub fn without_users(&self) -> Option<&Path> {
        self.access.without_users()
    }

    /// Whether clients have to say who they are, and each may then do everything.
    pub fn grants_everything(&self) -> bool {
        self.access.is_on() && self.access.grants().is_none()
    }

    /// Has what was appended to a log made durable, together with what others append meanwhile; [`Log::watch_durable`] sees when it is.
    pub fn request_flush(&self, log: &Arc<Log>) {
        self.flusher.request(log);
    }

    /// Bytes of requests that are being worked on.
    pub(crate) fn in_flight_bytes(&self) -> u64 {
        let free = self.in_flight.available_permits();
        let taken = self.options.in_flight_units().saturating_sub(free);
        (taken * crate::server::PERMIT_BYTES) as u64
    }

    /// What takes nothing more, since making it durable failed: partitions by topic and number, and the log of groups.
    pub(crate) fn failed(&self) -> Vec<String> {
        let mut failed = Vec::new();
        for topic in self.topics.all() {
            for (index, log) in topic.partitions().iter().enumerate() {
                if log.is_poisoned() {
                    failed.push(format!("{}-{index}", topic.name()));
                }
            }
        }
        if self.groups.log().is_poisoned() {
            failed.push("the log of consumer groups".to_owned());
        }
        failed
    }

    /// An id that no producer of this folder ever had.
    pub(crate) fn new_producer_id(&self) -> Result<i64> {
        let mut noted = self.lock_ids();
        if self.lock_folder().is_none() {
            return Err(Error::Closed);
        }
        let id = self.next_producer_id.load(Ordering::Relaxed);
        if id >= noted.next_producer_id {
            noted.next_producer_id = id + PRODUCER_ID_BLOCK;
            write_cluster(&*self.disk, &self.options.data, &noted)?;
        }
        self.next_producer_id.store(id + 1, Ordering::Relaxed);
        Ok(id)
    }

    /// Makes everything durable and leaves the folder as the next start likes it best, and to whoever wants it. Requests may outlive their
    /// connections: what they are changing is waited for, and what they would change afterwards is refused ([`Error::Closed`]).
    ///
    /// # Errors
    /// The first that a log met; the others are closed nevertheless.
    pub fn close(&self) -> Result<()> {
        self.topics.end_changes();
        self.upkeep.end();
        self.cleaner.end();
        let mut closed = self.groups.close();
        for topic in self.topics.all() {
            for log in topic.partitions().iter() {
                log.end();
                closed = closed.and(log.close());
            }
        }
        closed = closed.and(self.topics.write_checkpoint());
        // An id that is being noted is noted before the folder is free.
        let _no_ids = self.lock_ids();
        *self.lock_folder() = None;
        closed
    }

    fn lock_ids(&self) -> MutexGuard<'_, ClusterFile> {
        let ids = self.noted_producer_id.lock();
        ids.unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_folder(&self) -> MutexGuard<'_, Option<File>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| it.as_millis() as i64)
}

/// The lock of the data folder, which ends with the process.
fn lock(data: &Path) -> Result<File> {
    let path = data.join("lock");
    let mut options = File::options();
    let opened = options.write(true).create(true).truncate(false).open(&path);
    let file = opened.map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse {
            path: data.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
    }
}

fn read_cluster(disk: &dyn Disk, data: &Path) -> Result<ClusterFile> {
    let path = data.join("cluster.json");
    match json_file::read::<ClusterFile>(&path)? {
        Some(file) if file.version == CLUSTER_FILE_VERSION => Ok(file),
        Some(ClusterFile { version, .. }) => {
            let detail = format!("version {version}, and {CLUSTER_FILE_VERSION} is known");
            Err(json_file::damaged(&path, detail))
        }
        None => {
            let cluster = ClusterFile {
                version: CLUSTER_FILE_VERSION,
                cluster_id: Uuid::new_v4().simple().to_string(),
                next_producer_id: 0,
            };
            write_cluster(disk, data, &cluster)?;
            Ok(cluster)
        }
    }
}

fn write_cluster(disk: &dyn Disk, data: &Path, cluster: &ClusterFile) -> Result<()> {
    json_file::write(disk, &data.join("cluster.json"), cluster)
}
