//! Topics made, changed and deleted, and groups deleted.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigEntry, ConfigSource, NewPartitions, NewTopic,
    ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};

use crate::cluster::Cluster;
use crate::fault;
use crate::heard::Heard;
use crate::{Error, Result};

/// How long it may take until a signal is noticed.
const SIGNAL_STEP: Duration = Duration::from_millis(50);

/// How long a change may take to get to the broker that is asked about it.
const CHANGE_PATIENCE: Duration = Duration::from_secs(2);

/// Who may change topics and groups.
pub struct Admin {
    cluster: Cluster,
    client: AdminClient<Heard>,
    options: AdminOptions,
}

/// What a topic is to be like; the cluster decides what is not said.
#[derive(Clone, Debug)]
pub struct TopicPlan<'a> {
    /// How many it has.
    pub partitions: Option<i32>,
    /// Copies of each.
    pub replication_factor: Option<i32>,
    /// Names and values.
    pub settings: &'a [(String, String)],
}

/// What became of each of several names, in their order.
pub type Outcomes = Vec<(String, Outcome)>;

/// What became of one.
#[derive(Debug)]
pub enum Outcome {
    /// What was to be done is done.
    Done,
    /// It is there already, or not there: what was to be reached is so.
    Already,
    /// It could not be done.
    Failed(Error),
}

/// A setting of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Kafka's name of it.
    pub name: String,
    /// `None` if it is kept secret.
    pub value: Option<String>,
    /// Whether it was set for this topic.
    pub is_own: bool,
}

impl Cluster {
    /// An administrator of a cluster that answers.
    pub fn admin(&self) -> Result<Admin> {
        self.reader()?.topics()?;
        let options = AdminOptions::new()
            .request_timeout(Some(self.timeout))
            .operation_timeout(Some(self.timeout));
        Ok(Admin {
            cluster: self.clone(),
            client: self.client(&[])?,
            options,
        })
    }
}

impl Admin {
    /// Makes topics.
    pub fn create(&self, names: &[String], plan: &TopicPlan<'_>) -> Result<Outcomes> {
        let topics: Vec<_> = names.iter().map(|name| plan.topic(name)).collect();
        let results = self.wait(self.client.create_topics(&topics, &self.options));
        let already = RDKafkaErrorCode::TopicAlreadyExists;
        outcomes(results, "create", "topic", already, plan.settings)
    }

    /// Deletes topics with all of their records.
    pub fn delete(&self, names: &[String]) -> Result<Outcomes> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let results = self.wait(self.client.delete_topics(&names, &self.options));
        outcomes(
            results,
            "delete",
            "topic",
            RDKafkaErrorCode::UnknownTopicOrPartition,
            &[],
        )
    }

    /// Deletes groups with all of their offsets.
    pub fn delete_groups(&self, names: &[String]) -> Result<Outcomes> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let results = self.wait(self.client.delete_groups(&names, &self.options));
        outcomes(
            results,
            "delete",
            "group",
            RDKafkaErrorCode::GroupIdNotFound,
            &[],
        )
    }

    /// Has a topic have so many partitions.
    pub fn add_partitions(&self, topic: &str, count: usize) -> Result<()> {
        let what = format!("cannot give the topic `{topic}` {count} partitions");
        let partitions = [NewPartitions::new(topic, count)];
        let results = self.wait(self.client.create_partitions(&partitions, &self.options));
        let results = results.map_err(|error| fault::of(&what, &error))?;
        match results.into_iter().find_map(std::result::Result::err) {
            Some((_, code)) => Err(fault::of_code(&what, code)),
            None => Ok(()),
        }
    }

    /// The settings of a topic, by name.
    pub fn settings(&self, topic: &str) -> Result<Vec<Setting>> {
        let mut settings: Vec<_> = self.entries(topic)?.iter().map(Setting::of).collect();
        settings.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(settings)
    }

    fn entries(&self, topic: &str) -> Result<Vec<ConfigEntry>> {
        let what = format!("cannot ask for the settings of the topic `{topic}`");
        let asked = [ResourceSpecifier::Topic(topic)];
        let results = self.wait(self.client.describe_configs(&asked, &self.options));
        let results = results.map_err(|error| fault::of(&what, &error))?;
        match results.into_iter().next() {
            Some(Ok(resource)) => Ok(resource.entries),
            Some(Err(code)) => Err(fault::of_code(&what, code)),
            None => Ok(Vec::new()),
        }
    }

    /// Changes some settings of a topic, and leaves the others.
    ///
    /// `IncrementalAlterConfigs` would do just that, but the safe side of rdkafka has `AlterConfigs` alone, which takes back whatever is not
    /// named. So all that was set for this topic is named again. What somebody else changes between the two requests is lost: Kafka
    /// knows no way to notice.
    ///
    /// rdkafka does not hand on either what the broker answered for the topic: whether the settings were taken is seen by asking for them.
    pub fn alter(&self, topic: &str, set: &[(String, String)], unset: &[String]) -> Result<()> {
        let entries = self.entries(topic)?;
        let before = own_values(&entries);
        let mut wanted = before.clone();
        for name in unset {
            wanted.remove(name.as_str());
        }
        wanted.extend(
            set.iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let mut change = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (name, value) in &wanted {
            change = change.set(name, value);
        }
        let what = format!("cannot change the settings of the topic `{topic}`");
        let results = self.wait(self.client.alter_configs(&[change], &self.options));
        let results = results.map_err(|error| fault::of(&what, &error))?;
        if let Some((_, code)) = results.into_iter().find_map(std::result::Result::err) {
            return Err(fault::of_code(&what, code));
        }
        self.wait_for_settings(topic, &before, &wanted)
            .map_err(|refused| {
                let what = || format!("cannot change the topic `{topic}`{}", with(set));
                refused.unwrap_or_else(|| fault::of_code(&what(), RDKafkaErrorCode::InvalidConfig))
            })
    }

    /// Asks until the settings are as they are wanted; `None` if they stay otherwise.
    fn wait_for_settings(
        &self,
        topic: &str,
        before: &BTreeMap<&str, &str>,
        wanted: &BTreeMap<&str, &str>,
    ) -> std::result::Result<(), Option<Error>> {
        let start = Instant::now();
        loop {
            let entries = self.entries(topic).map_err(Some)?;
            let now = own_values(&entries);
            // A cluster may write a value in another way, but not as it was.
            let is_taken = |name: &str, value: &str| match now.get(name) {
                Some(now) => *now == value || before.get(name) != Some(now),
                None => false,
            };
            let is_gone = |name: &str| wanted.contains_key(name) || !now.contains_key(name);
            if wanted.iter().all(|(name, value)| is_taken(name, value))
                && before.keys().all(|name| is_gone(name))
            {
                return Ok(());
            }
            if start.elapsed() >= CHANGE_PATIENCE.min(self.cluster.timeout) {
                return Err(None);
            }
            thread::sleep(SIGNAL_STEP);
        }
    }

    /// Waits for an answer, as long as the request may take.
    fn wait<T>(&self, future: impl Future<Output = KafkaResult<T>>) -> KafkaResult<T> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut task = TaskContext::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(answer) = future.as_mut().poll(&mut task) {
                return answer;
            }
            if self.cluster.cancel.is_cancelled() {
                return Err(rdkafka::error::KafkaError::Canceled);
            }
            thread::park_timeout(SIGNAL_STEP);
        }
    }
}

/// Wakes the thread that waits for a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl TopicPlan<'_> {
    fn topic<'t>(&'t self, name: &'t str) -> NewTopic<'t> {
        // Kafka's own way to leave a number to the cluster.
        const DEFAULT: i32 = -1;
        let replication = TopicReplication::Fixed(self.replication_factor.unwrap_or(DEFAULT));
        let mut topic = NewTopic::new(name, self.partitions.unwrap_or(DEFAULT), replication);
        for (name, value) in self.settings {
            topic = topic.set(name, value);
        }
        topic
    }
}

impl Setting {
    fn of(entry: &ConfigEntry) -> Setting {
        Setting {
            name: entry.name.clone(),
            value: entry.value.clone(),
            is_own: is_own(entry),
        }
    }
}

/// What was set for the topic itself, and is no secret.
fn own_values(entries: &[ConfigEntry]) -> BTreeMap<&str, &str> {
    let own = entries.iter().filter(|entry| is_own(entry));
    own.filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)))
        .collect()
}

/// Brokers before Kafka 1.1 do not say where a setting comes from.
fn is_own(entry: &ConfigEntry) -> bool {
    match entry.source {
        ConfigSource::DynamicTopic => true,
        ConfigSource::Unknown => !entry.is_default,
        _ => false,
    }
}

/// Longer values are not told.
const TOLD_BYTES_MAX: usize = 100;

/// The settings that were asked for, of which one is wrong: the client does not hand on which.
fn with(settings: &[(String, String)]) -> String {
    let settings = settings
        .iter()
        .map(|(name, value)| match value.len() <= TOLD_BYTES_MAX {
            true => format!("`{name}={value}`"),
            false => format!("`{name}`"),
        });
    match settings.collect::<Vec<_>>() {
        none if none.is_empty() => String::new(),
        some => format!(" with {}", some.join(", ")),
    }
}

/// What became of each, where `already` is what a broker says of those with which there is nothing to do.
fn outcomes(
    results: KafkaResult<Vec<std::result::Result<String, (String, RDKafkaErrorCode)>>>,
    verb: &str,
    noun: &str,
    already: RDKafkaErrorCode,
    settings: &[(String, String)],
) -> Result<Outcomes> {
    let results = results.map_err(|error| fault::of(&format!("cannot {verb} {noun}s"), &error))?;
    let of = |result| match result {
        Ok(name) => (name, Outcome::Done),
        Err((name, code)) if code == already => (name, Outcome::Already),
        Err((name, code)) => {
            let mut what = format!("cannot {verb} the {noun} `{name}`");
            if code == RDKafkaErrorCode::InvalidConfig {
                what.push_str(&with(settings));
            }
            let error = fault::of_code(&what, code);
            (name, Outcome::Failed(error))
        }
    };
    Ok(results.into_iter().map(of).collect())
}
