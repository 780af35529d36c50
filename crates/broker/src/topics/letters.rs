//! Topics of dead letters, which are made with the contract of the topic they are for (`gate/letters.rs`).
//!
//! They are topics as any other: with settings of their own, of which anybody may be a producer, and that stay when the topic they are
//! for is deleted. Whoever deletes one finds it made anew with the next dead letter.

use std::sync::{Arc, MutexGuard};

use super::{BadSetting, Changes, Settings, Topic, Topics};
use crate::gate::{BadContract, has_letters, letters_name};
use crate::{Error, Result};

/// What dead letters have in common with the records they came with, when their topic is made: for how long they are kept, and from which time
/// on. Who keeps records for ever, or from when they came, does not mean to lose those that were bad.
const SAME: [&str; 3] = ["message.timestamp.type", "retention.bytes", "retention.ms"];

/// The settings of a topic for the dead letters of one with these.
fn letters_settings(of: &Settings) -> Result<Settings> {
    let mut settings = Settings::default();
    for name in SAME {
        if let Some(value) = of.value(name) {
            settings.set(name, value)?;
        }
    }
    Ok(settings)
}

impl Topics {
    /// The topic for the dead letters of another, with a partition for each of its own.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Closed`] if it is to be made and cannot; [`Error::UnknownTopic`] if the other was deleted.
    pub(crate) fn letters_of(&self, topic: &Topic) -> Result<Arc<Topic>> {
        let partitions = topic.partitions().len();
        let known = self.topic(&letters_name(topic.name()));
        if let Some(known) = known.filter(|it| it.partitions().len() >= partitions) {
            return Ok(known);
        }
        let changing = self.lock()?;
        if self.topic_of_id(topic.id()).is_none() {
            return Err(Error::UnknownTopic(topic.name().to_owned()));
        }
        self.make_letters((topic.name(), &topic.settings()), partitions, &changing)
    }

    /// Whether a topic with these settings can have dead letters, if it is to.
    pub(super) fn check_letters(&self, topic: &str, settings: &Settings) -> Result<()> {
        let name = letters_name(topic);
        let known = self.topic(&name);
        let is_compacted = known.is_some_and(|it| it.is_compacted());
        match has_letters(settings) && is_compacted {
            true => Err(BadSetting::from(BadContract::Compacted(name)).into()),
            false => Ok(()),
        }
    }

    /// Makes the topic for the dead letters of another, which has these settings, or gives it partitions that it lacks.
    pub(super) fn make_letters(
        &self,
        (topic, settings): (&str, &Settings),
        partitions: usize,
        changing: &MutexGuard<'_, Changes>,
    ) -> Result<Arc<Topic>> {
        let name = letters_name(topic);
        let Some(known) = self.topic(&name) else {
            return self.make(&name, partitions, letters_settings(settings)?, changing);
        };
        if known.partitions().len() < partitions {
            self.enlarge(&name, partitions, changing)?;
        }
        Ok(known)
    }
}
