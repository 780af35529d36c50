//! From a batch that arrived to records in a log, off the threads of the network.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::judge::{Bounds, Case, Fit, Judged};
use super::{BadContract, Gate};
use crate::batch::{BadKeys, Header};
use crate::broker::{Broker, now_ms};
use crate::log::{Appended, Checked, Log};
use crate::topics::{BadSetting, Topic};
use crate::unpacking::Effort;
use crate::{Error, Result};

/// Most batches unpack to less, and are looked at without waiting for memory.
const LITTLE_BYTES: u64 = 4 << 20;

/// What is held of a batch at most, in times of what it unpacks to: its records, and what is made of them. Only what packs well unpacks to
/// much, so that packed it is little.
const HELD_TIMES: u64 = 2;

/// How often a topic of dead letters is made anew that is deleted again before anything is appended to it.
const REMADE_MAX: usize = 3;

/// A batch for a topic with a gate.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) topic: Arc<Topic>,
    pub(crate) partition: i32,
    pub(crate) log: Arc<Log>,
    /// The gate that the topic had when it came.
    pub(crate) gate: Arc<Gate>,
    pub(crate) records: Bytes,
}

/// A batch that is in its log, or what was taken of it.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) appended: Appended,
    /// Records and bytes that are in its topic.
    stored: (u64, u64),
    /// Where its dead letters are, and the offset behind them: until there they must be durable before anybody is told.
    pub(crate) letters: Option<(Arc<Log>, i64)>,
}

/// Why nothing was taken of a batch.
#[derive(Debug)]
pub(crate) enum Refused {
    /// As any other.
    Error(Error),
    /// Its contract says so: in short, and of each record that is named.
    Contract(String, Vec<(i32, String)>),
}

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Refused {
        Refused::Error(error.into())
    }
}

impl Arrived {
    /// Judges the batch, and appends what is to be appended. What unpacks to much waits for memory. Of one that is refused records are
    /// named in `named_bytes_max`.
    pub(crate) async fn admit(
        self,
        broker: Arc<Broker>,
        named_bytes_max: usize,
    ) -> Result<Admitted, Refused> {
        let (log, records) = (self.log.clone(), self.records.clone());
        let admitted = self.try_admit(broker, named_bytes_max).await;
        // What a damaged one says of its producer counts for nothing.
        if admitted.is_err()
            && let Ok(header) = Header::check(&records)
        {
            log.note_refused(&header);
        }
        admitted
    }

    async fn try_admit(
        self,
        broker: Arc<Broker>,
        named_bytes_max: usize,
    ) -> Result<Admitted, Refused> {
        let config = self.log.config();
        let limit = config.unpacked_bytes_max();
        let batch_bytes_max = config.max_message_bytes;
        // It waits for nothing, and is not held meanwhile.
        if self.records.len() > batch_bytes_max {
            let (found, limit) = (self.records.len(), batch_bytes_max);
            return Err(Error::TooLarge { found, limit }.into());
        }
        let bounds = |bytes_max| Bounds {
            bytes_max,
            batch_bytes_max,
            named_bytes_max,
        };
        let little = bounds(LITTLE_BYTES.min(limit));
        let little = self.clone().admit_within(broker.clone(), little, 0);
        match little.await {
            Err(Refused::Error(Error::BadKeys(BadKeys::TooLong(it)))) if it.bytes_max < limit => {
                let held = limit * HELD_TIMES;
                self.admit_within(broker, bounds(limit), held).await
            }
            admitted => admitted,
        }
    }

    async fn admit_within(
        self,
        broker: Arc<Broker>,
        bounds: Bounds,
        held_bytes: u64,
    ) -> Result<Admitted, Refused> {
        let share = broker.unpacking.take(held_bytes).await;
        let admitted = tokio::task::spawn_blocking(move || {
            let _share = share;
            self.put(&broker, bounds)
        });
        // It ends before it is done by a mistake of ours alone, or because this is the end.
        admitted.await.unwrap_or(Err(Error::Ended.into()))
    }

    fn put(&self, broker: &Broker, bounds: Bounds) -> Result<Admitted, Refused> {
        let rules = match &self.gate.rules {
            Ok(rules) => rules,
            Err(why) => {
                self.topic.verdicts.note_rejected();
                return Err(Refused::Contract(why.clone(), Vec::new()));
            }
        };
        let checked = self.log.check(&self.records, Effort::Whole)?;
        let started = Instant::now();
        let case = Case {
            topic: self.topic.name(),
            partition: self.partition,
            checked: &checked,
            is_compacted: self.log.config().cleanup.compacts(),
            bounds,
            now_ms: now_ms(),
        };
        let judged = self.gate.judge(rules, case);
        let took = started.elapsed();
        self.topic.verdicts.note_time(took);
        let judged = judged?;
        let header = *checked.header();
        let admitted = match &judged.fit {
            Fit::AsItCame => self.append(checked),
            Fit::Rebuilt(rebuilt) => self.append(rebuilt.clone()),
            Fit::Parted(good, letters) => self.append_parted(broker, good, letters),
            Fit::Rejected(named) => self.reject(&header, named, &judged),
        };
        let is_new = match &admitted {
            Ok(admitted) => !admitted.appended.is_duplicate,
            Err(Refused::Contract(..)) => true,
            Err(Refused::Error(_)) => false,
        };
        if is_new {
            self.note(broker, judged);
        }
        if let Ok(admitted) = &admitted {
            self.settle(broker, admitted);
        }
        admitted
    }

    /// Counts what was appended, and sees to it that it becomes durable: whoever waits for it may be gone.
    fn settle(&self, broker: &Broker, admitted: &Admitted) {
        if !admitted.appended.is_duplicate {
            let (records, bytes) = admitted.stored;
            self.topic.traffic.note_in(records, bytes);
            broker.metrics.note_batch(records, bytes);
        }
        broker.flusher.request_in_time(&self.log);
        if let Some((letters, next_offset)) = &admitted.letters
            && letters.durable_offset() < *next_offset
        {
            broker.flusher.request(letters);
        }
    }

    fn append(&self, checked: Checked) -> Result<Admitted, Refused> {
        let stored = size(&checked);
        let appended = self.log.append_checked(checked, 0, now_ms())?;
        Ok(Admitted {
            appended,
            stored,
            letters: None,
        })
    }

    /// What was taken before is not refused when it comes again, also if the contract changed: its producer would give the numbers of its
    /// records to others.
    fn reject(
        &self,
        header: &Header,
        named: &[(i32, String)],
        judged: &Judged,
    ) -> Result<Admitted, Refused> {
        if let Some(appended) = self.log.find_duplicate(header)? {
            return Ok(Admitted {
                appended,
                stored: (0, 0),
                letters: None,
            });
        }
        let (bad, total) = (judged.bad, judged.bad + judged.good);
        let message = format!(
            "{bad} of {total} records break the contract of topic `{}`",
            self.topic.name()
        );
        Err(Refused::Contract(message, named.to_vec()))
    }

    /// Appends dead letters, and then what is left, as one: `letters.rs` says what is right about it.
    fn append_parted(
        &self,
        broker: &Broker,
        good: &Checked,
        letters: &[Checked],
    ) -> Result<Admitted, Refused> {
        for _ in 0..REMADE_MAX {
            let into = broker.topics.letters_of(&self.topic)?;
            match self.append_both(broker, &into, good, letters) {
                Err(Refused::Error(Error::DeadLetters { source, .. }))
                    if matches!(*source, Error::Deleted { .. }) => {}
                appended => return appended,
            }
        }
        let name = super::letters_name(self.topic.name());
        Err(Error::UnknownTopic(name).into())
    }

    fn append_both(
        &self,
        broker: &Broker,
        into: &Topic,
        good: &Checked,
        letters: &[Checked],
    ) -> Result<Admitted, Refused> {
        let failed = |source: Error| Error::DeadLetters {
            topic: into.name().to_owned(),
            source: Box::new(source),
        };
        if into.is_compacted() {
            let compacted = BadContract::Compacted(into.name().to_owned());
            return Err(BadSetting::from(compacted).into());
        }
        let log = into.partition(self.partition);
        let log = log.ok_or_else(|| failed(Error::UnknownTopic(into.name().to_owned())))?;
        let mut next_offset = 0;
        let append = |came| {
            for batch in letters {
                let appended = log
                    .append_letters(batch.clone(), now_ms(), came)
                    .map_err(failed)?;
                if !appended.is_duplicate {
                    self.note_letters(broker, into, batch);
                }
            }
            // Those that were there already lie before it as well.
            next_offset = log.end_offset();
            Ok(())
        };
        let appended = self.log.append_behind(good.clone(), now_ms(), append)?;
        Ok(Admitted {
            appended,
            stored: size(good),
            letters: Some((log, next_offset)),
        })
    }

    fn note_letters(&self, broker: &Broker, into: &Topic, batch: &Checked) {
        let (records, bytes) = size(batch);
        self.topic.verdicts.note_dead_letters(records);
        into.traffic.note_in(records, bytes);
        broker.metrics.note_batch(records, bytes);
    }

    fn note(&self, broker: &Broker, judged: Judged) {
        let verdicts = &self.topic.verdicts;
        verdicts.note_batch(judged.good, judged.bad);
        for ((column, rule), count) in &judged.by_rule {
            verdicts.note_broken(column.as_deref(), rule, *count);
        }
        if matches!(judged.fit, Fit::Rejected(_)) {
            verdicts.note_rejected();
        }
        for refusal in judged.refusals {
            broker.metrics.refusals.note(refusal);
        }
    }
}

/// Records and bytes of a batch.
fn size(batch: &Checked) -> (u64, u64) {
    let records = u64::from(batch.header().record_count.unsigned_abs());
    (records, batch.bytes().len() as u64)
}
