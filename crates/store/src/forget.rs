//! Forgetting: which versions are kept, by a policy.
//!
//! A rule such as `daily: Some(7)` keeps the newest commit of each of the last seven days *that have one*: days without a
//! commit do not count, so a store that rests does not lose what it has. A commit's day is that of the place where it was made. A commit is
//! kept if any rule keeps it, and the others are forgotten: their files stay, for later ones name them, and what only they refer to is garbage
//! for [`collect`](crate::collect).
//!
//! The rules are restic's, with one difference: restic keeps the oldest version of all, too, as long as a rule has not used up its
//! number.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::commit::Commit;
use crate::id::CommitId;
use crate::lock::{Role, Wait};
use crate::store::Store;
use crate::{Error, Result};

/// Which commits are kept. A rule that is `None` keeps none, and neither does a number of 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForgetPolicy {
    /// So many of the newest.
    pub last: Option<u32>,
    /// The newest of each of so many hours.
    pub hourly: Option<u32>,
    /// The newest of each of so many days.
    pub daily: Option<u32>,
    /// The newest of each of so many weeks, which begin on Mondays (ISO 8601).
    pub weekly: Option<u32>,
    /// The newest of each of so many months.
    pub monthly: Option<u32>,
    /// The newest of each of so many years.
    pub yearly: Option<u32>,
    /// Whether commits that have a tag are kept. If not, and no rule keeps one, its tags go with it.
    pub keep_tags: bool,
}

impl Default for ForgetPolicy {
    /// No rule, but tags.
    fn default() -> ForgetPolicy {
        ForgetPolicy {
            last: None,
            hourly: None,
            daily: None,
            weekly: None,
            monthly: None,
            yearly: None,
            keep_tags: true,
        }
    }
}

/// Why a commit is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The branch is there.
    Head,
    /// It has this tag.
    Tag(String),
    /// It is one of the newest.
    Last,
    /// It is the newest of its hour.
    Hourly,
    /// It is the newest of its day.
    Daily,
    /// It is the newest of its week.
    Weekly,
    /// It is the newest of its month.
    Monthly,
    /// It is the newest of its year.
    Yearly,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Reason::Head => "head",
            Reason::Tag(name) => return write!(f, "tag {name}"),
            Reason::Last => "last",
            Reason::Hourly => "hourly",
            Reason::Daily => "daily",
            Reason::Weekly => "weekly",
            Reason::Monthly => "monthly",
            Reason::Yearly => "yearly",
        })
    }
}

/// What a policy did, or would do; commits that were forgotten before are in neither list. Both are in order, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Commits that stay, and why.
    pub kept: Vec<(CommitId, Vec<Reason>)>,
    /// Commits that go.
    pub forgotten: Vec<CommitId>,
}

impl Store {
    /// Forgets the commits that `policy` does not keep; only says which, if it is a `dry_run`. The branch's commit stays in any case.
    ///
    /// # Errors
    /// [`Error::Usage`] for a policy without any rule, [`Error::Damaged`] for a commit that cannot be read, [`Error::Io`].
    pub fn forget(&self, policy: &ForgetPolicy, dry_run: bool) -> Result<Forgotten> {
        if policy.rules().all(|(_, number)| number.is_none()) {
            return Err(Error::Usage {
                reason: "a policy needs a rule, or it would forget all but one".to_owned(),
            });
        }
        let _lock = self.locks().exclusive(Role::Publish, Wait::Yes)?;
        let mut forgotten = self.refs().forgotten()?;
        let mut commits = Vec::new();
        for id in self.refs().commits()? {
            if !forgotten.contains(&id) {
                commits.push((id, self.refs().commit(id)?));
            }
        }
        let tags = self.refs().tags()?;
        let judged = policy.judge(commits, self.refs().head()?, &tags);
        if dry_run {
            return Ok(judged);
        }
        self.refs().settle()?;
        if judged.forgotten.is_empty() {
            return Ok(judged);
        }
        // Before: a tag must not be on what is gone.
        for (name, id) in &tags {
            if judged.forgotten.contains(id) {
                self.refs().remove_tag(name)?;
            }
        }
        forgotten.extend(&judged.forgotten);
        self.refs().set_forgotten(&forgotten)?;
        Ok(judged)
    }

    /// Forgets these commits. Returns how many of them were not forgotten before.
    ///
    /// # Errors
    /// [`Error::Usage`], and none is forgotten, if the branch or a tag is on one of them, or there is none of such an id.
    pub fn forget_commits(&self, ids: &[CommitId]) -> Result<usize> {
        let _lock = self.locks().exclusive(Role::Publish, Wait::Yes)?;
        let refs = self.refs();
        refs.settle()?;
        let (head, tags) = (refs.head()?, refs.tags()?);
        let mut forgotten = refs.forgotten()?;
        let before = forgotten.len();
        for &id in ids {
            let tag = tags.iter().find(|(_, tagged)| *tagged == id);
            let obstacle = match tag {
                _ if !refs.has_commit(id) => "is no commit of this store".to_owned(),
                _ if head == Some(id) => "cannot be forgotten: the branch is there".to_owned(),
                Some((name, _)) => format!("cannot be forgotten: it has the tag `{name}`"),
                None => {
                    forgotten.insert(id);
                    continue;
                }
            };
            let reason = format!("{id} {obstacle}");
            return Err(Error::Usage { reason });
        }
        if forgotten.len() > before {
            refs.set_forgotten(&forgotten)?;
        }
        Ok(forgotten.len() - before)
    }
}

/// A stretch of time, so that two commits are in the same one if these are equal.
type Period = (i16, i16, i16);

impl ForgetPolicy {
    /// All rules and their numbers.
    fn rules(&self) -> impl Iterator<Item = (Reason, Option<u32>)> {
        [
            (Reason::Last, self.last),
            (Reason::Hourly, self.hourly),
            (Reason::Daily, self.daily),
            (Reason::Weekly, self.weekly),
            (Reason::Monthly, self.monthly),
            (Reason::Yearly, self.yearly),
        ]
        .into_iter()
    }

    /// What becomes of each of `commits`.
    fn judge(
        &self,
        mut commits: Vec<(CommitId, Commit)>,
        head: Option<CommitId>,
        tags: &[(String, CommitId)],
    ) -> Forgotten {
        commits.sort_by_key(|(id, commit)| (Reverse(commit.time_ns), *id));
        let mut reasons: BTreeMap<CommitId, Vec<Reason>> = BTreeMap::new();
        let mut note = |id: CommitId, reason| reasons.entry(id).or_default().push(reason);
        head.into_iter().for_each(|id| note(id, Reason::Head));
        let tags = tags.iter().filter(|_| self.keep_tags);
        tags.for_each(|(name, id)| note(*id, Reason::Tag(name.clone())));
        for (rule, number) in self.rules() {
            let mut seen = BTreeSet::new();
            for (id, commit) in &commits {
                if seen.len() as u64 >= u64::from(number.unwrap_or(0)) {
                    break;
                }
                let is_new = match period(&rule, commit) {
                    Some(period) => seen.insert((period, None)),
                    // Each is a time of its own.
                    None => seen.insert(((0, 0, 0), Some(*id))),
                };
                if is_new {
                    note(*id, rule.clone());
                }
            }
        }
        let mut judged = Forgotten::default();
        for (id, _) in commits {
            match reasons.remove(&id) {
                Some(reasons) => judged.kept.push((id, reasons)),
                None => judged.forgotten.push(id),
            }
        }
        judged
    }
}

/// The time that a rule thinks a commit is of; `None` if it does not think in such.
fn period(rule: &Reason, commit: &Commit) -> Option<Period> {
    let made = made_at(commit);
    let day = made.date().day_of_year();
    Some(match rule {
        Reason::Hourly => (made.year(), day, i16::from(made.hour())),
        Reason::Daily => (made.year(), day, 0),
        Reason::Weekly => {
            let week = made.date().iso_week_date();
            (week.year(), i16::from(week.week()), 0)
        }
        Reason::Monthly => (made.year(), i16::from(made.month()), 0),
        Reason::Yearly => (made.year(), 0, 0),
        Reason::Head | Reason::Tag(_) | Reason::Last => return None,
    })
}

/// When a commit was made, as a clock there showed it.
fn made_at(commit: &Commit) -> DateTime {
    // Neither fails: 64 bits of nanoseconds are less than 600 years, and a commit's offset is less than a day.
    let time = Timestamp::from_nanosecond(i128::from(commit.time_ns)).unwrap_or_default();
    let offset = Offset::from_seconds(i32::from(commit.offset_minutes) * 60).unwrap_or(Offset::UTC);
    offset.to_datetime(time)
}

#[cfg(test)]
mod tests;
