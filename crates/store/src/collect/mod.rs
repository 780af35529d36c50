//! `gc`: gives back what only forgotten commits refer to, while others go on adding and reading.
//!
//! 1. [`Role::Collect`] is taken: one at a time. Complete packs that no index knows are adopted. They may belong to an `add` that is
//!    at work, so those younger than the grace are not looked at any further; to be in the index harms nothing.
//! 2. *Mark* ([`mark`]): everything is needed that a *root* refers to. Roots are all commits that are not forgotten, whether anything
//!    names them or not (one that was written and that the branch is not moved to yet is there too); the branch, the tags, and the
//!    commit that the staging is relative to, even if forgotten; what is staged, and what that replaced since the last commit.
//! 3. *Plan* ([`plan`]): a pack of which nothing is needed is dead, one of which little is needed is sparse.
//! 4. *Rewrite* ([`rewrite`]): what is needed of sparse packs is copied to new ones, each object held against its id. A pack that
//!    cannot be read whole stays as it is, and is reported.
//! 5. *Publish*, under [`Role::Publish`]: roots are looked at again, and what came since 2 is marked; packs that turn out to be needed
//!    stay. Then the index is replaced by one without the dead and rewritten packs and with the new ones, and only then the former are moved to
//!    `trash/`. Steps 4 and 5 are repeated, some million objects at a time, so that what is new and in no index takes little memory.
//! 6. *Empty the trash* ([`trash`]), with [`Role::User`] and [`Role::Staging`] to oneself: roots are looked at once more, what they
//!    need goes back, and the rest that has been there for longer than the grace is deleted, with stale drafts in `tmp/`. If anybody uses
//!    the store, this is left to the next `gc`.
//!
//! # Why nothing is lost
//!
//! A pack that was in use at 2, or came later, is never dropped. What remains is a writer that meets an object that nothing needs
//! at 2, finds it in the index, and relies on it. It makes durable what refers to it (`add`: the staging) and then takes [`Role::Publish`]
//! to publish; or it does both under that lock (`commit`). The lock puts this and step 5 in an order:
//!
//! - *the writer first*: step 5 sees what it made durable, and the pack stays;
//! - *`gc` first*: the writer, with the lock, finds that the index does not know the pack any more, takes it out of the trash, and publishes
//!   it again (`Store::publish`). That holds for packs of its own that `gc` adopted and dropped, too. They are in the trash: to empty it takes
//!   [`Role::User`] exclusively, which the writer shares since before it read the index.
//!
//! A writer that dies before it publishes may leave records in the staging that rely on a pack in the trash. Nothing is deleted before
//! step 6 has looked at all roots while nobody else is there, and wherever a look meets an object that is in no index, it
//! takes the pack that has it out of `packs/` or `trash/` ([`mark`]); and so do readers until then ([`strays`]). So step 6 is what safety rests on; the grace is for what locks do not
//! reach, and no argument needs it.
//!
//! A kill leaves: new packs that no index knows (adopted, and then the old ones are dead); or packs that the index has let go of and
//! that are not in the trash yet (adopted, and dead again); or a trash that is half empty. All of that is where the next `gc` goes on.
//! A missing or damaged node ends `gc` before anything was changed: what is below it cannot be known. So does a commit that is lost, until
//! `repair` has noted it among the forgotten ones.

mod mark;
mod plan;
mod rewrite;
pub(crate) mod strays;
#[cfg(test)]
mod tests;
mod trash;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::Result;
use crate::history::Record;
use crate::id::FileId;
use crate::lock::{Role, Wait};
use crate::objects::Objects;
use crate::pack::write::SealedPack;
use crate::progress::{Phase, StoreProgress};
use crate::store::Store;
use mark::{Effect, Marker};
use plan::Plan;
use rewrite::Rewrite;

/// How garbage is collected.
#[derive(Clone, Debug)]
pub struct CollectOptions {
    /// Only say what would be done.
    pub dry_run: bool,
    /// How long a pack stays in the trash.
    pub grace: Duration,
    /// A pack of whose plain bytes a smaller share than this is needed is rewritten: 0 for none, 1 for all that have any garbage.
    pub repack_below: f64,
    /// Told how far it is.
    pub progress: StoreProgress,
}

impl Default for CollectOptions {
    /// A day, and 0.7.
    fn default() -> CollectOptions {
        CollectOptions {
            dry_run: false,
            grace: Duration::from_secs(24 * 60 * 60),
            repack_below: 0.7,
            progress: StoreProgress::default(),
        }
    }
}

/// What came of it. Objects are counted in packs of the index; those of the trash are counted in bytes of files only.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Collected {
    /// Whether nothing was changed.
    pub is_dry_run: bool,
    /// Chunks and nodes that are needed.
    pub live_objects: u64,
    /// Those that are not, or that another pack has as well.
    pub dead_objects: u64,
    /// Plain bytes of the former.
    pub live_bytes: u64,
    /// Plain bytes of the latter.
    pub dead_bytes: u64,
    /// Packs that had nothing that is needed.
    pub packs_dropped: u64,
    /// Packs whose needed objects are in new packs now.
    pub packs_rewritten: u64,
    /// Packs that stay.
    pub packs_kept: u64,
    /// What the new packs take; a dry run does not know.
    pub bytes_written: u64,
    /// What the dropped and rewritten packs took: moved to the trash.
    pub bytes_dropped: u64,
    /// What was given back to the file system: of the trash, and of drafts.
    pub bytes_freed_now: u64,
    /// What is in the trash, until its time of grace is over.
    pub bytes_in_trash: u64,
    /// Why what could have been deleted was left to the next time.
    pub is_postponed: Option<String>,
    /// Chunks that are needed, and that are nowhere.
    pub missing_chunks: u64,
    /// Packs that were kept because they are damaged, and what is wrong with each.
    pub damaged: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

impl Store {
    /// Gives back what nothing refers to that is to be kept.
    ///
    /// The store is taken for itself, since what other threads read of it could not be told from what `gc` reads. They can open it
    /// once more, as other processes do: then what is in the trash stays until the next time.
    ///
    /// ```compile_fail,E0502
    /// # use tamis_store::{collect::CollectOptions, store::Store};
    /// fn both(store: &mut Store) {
    ///     let reader = store.objects();
    ///     store.collect(&CollectOptions::default());
    ///     reader.index();
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) if another process does so. [`Error::Missing`](crate::Error::Missing),
    /// [`Error::LostCommit`](crate::Error::LostCommit) and [`Error::Damaged`](crate::Error::Damaged) if something that is to be kept cannot be read, and [`Error::Io`](crate::Error::Io):
    /// what was done until then harms nothing.
    pub fn collect(&mut self, options: &CollectOptions) -> Result<Collected> {
        let start = Instant::now();
        let _lock = match options.dry_run {
            // Which needs no right to write.
            true => self.locks().shared(Role::Collect, Wait::No)?,
            false => self.locks().exclusive(Role::Collect, Wait::No)?,
        };
        options.progress.enter(Phase::Discovery);
        let mut collected = match options.dry_run {
            true => self.rehearse(options)?,
            false => self.collect_alone(options)?,
        };
        collected.seconds = start.elapsed().as_secs_f64();
        if !options.dry_run {
            Record {
                freed_bytes: collected.bytes_freed_now,
                ..Record::new("gc", collected.seconds)
            }
            .append(self.folder());
        }
        Ok(collected)
    }

    fn collect_alone(&self, options: &CollectOptions) -> Result<Collected> {
        let young = self.adopt_for(options)?;
        let objects = self.objects();
        objects.index().refresh()?;
        let mut marker = Marker::new(self, objects, Effect::Real);
        marker.look()?;
        options.progress.enter(Phase::Filtering);
        let mut plan = Plan::new(self.folder(), &marker, options.repack_below, &young)?;
        options.progress.enter(Phase::Processing);
        let mut rewrite = Rewrite::new(self, &plan, &options.progress);
        loop {
            let new = rewrite.round(&mut plan)?;
            self.replace(&mut plan, new, &mut marker)?;
            if rewrite.is_done() {
                break;
            }
        }
        options.progress.enter(Phase::Writing);
        let emptied = trash::empty(self, &mut marker, options.grace)?;
        let mut collected = plan.collected();
        collected.bytes_freed_now = emptied.freed_bytes;
        collected.bytes_in_trash = emptied.left_bytes;
        collected.is_postponed = emptied.postponed;
        collected.missing_chunks = marker.missing_chunks();
        Ok(collected)
    }

    /// Step 1; returns which packs of those adopted may be somebody's who is at work.
    fn adopt_for(&self, options: &CollectOptions) -> Result<HashSet<FileId>> {
        let _lock = self.locks().exclusive(Role::Publish, Wait::Yes)?;
        let adopted = self.adopt_packs_locked()?;
        let is_young = |id: &FileId| trash::is_young(self.folder(), *id, options.grace);
        Ok(adopted.into_iter().filter(is_young).collect())
    }

    /// Step 5, for what was rewritten by now.
    fn replace(
        &self,
        plan: &mut Plan,
        new: Vec<SealedPack>,
        marker: &mut Marker<'_>,
    ) -> Result<()> {
        let _lock = self.locks().exclusive(Role::Publish, Wait::Yes)?;
        marker.look_locked()?;
        plan.keep(marker.needed());
        // After a kill, what was rewritten then is rewritten to a pack of the same name.
        plan.keep(&new.iter().map(|it| it.pack.id).collect());
        let dropped = plan.to_drop();
        if dropped.is_empty() && new.is_empty() {
            return Ok(());
        }
        let added = new.iter().map(|it| (it.pack, it.objects.iter()));
        let added = added.map(|(pack, objects)| (pack, objects.map(|it| it.id)));
        let ids = dropped.iter().map(|it| it.id).collect();
        self.objects().index().replace_packs(&ids, added)?;
        trash::move_in(self, &dropped)?;
        plan.note_dropped(&dropped);
        marker.note_dropped(ids);
        Ok(())
    }

    /// What [`collect_alone`](Store::collect_alone) would do, on an index of its own that nobody publishes.
    fn rehearse(&self, options: &CollectOptions) -> Result<Collected> {
        let objects = Objects::open(self.disk(), self.folder(), self.format(), self.settings())?;
        let mut marker = Marker::new(self, &objects, Effect::None);
        let orphans = self.read_orphans(objects.index())?;
        for sealed in &orphans {
            let ids = sealed.objects.iter().map(|it| it.id);
            objects.index().add_fresh(sealed.pack, ids);
        }
        marker.look()?;
        let mut plan = Plan::new(
            self.folder(),
            &marker,
            options.repack_below,
            &HashSet::new(),
        )?;
        for sealed in &orphans {
            let is_young = trash::is_young(self.folder(), sealed.pack.id, options.grace);
            plan.add_orphan(sealed, &marker, is_young);
        }
        let mut collected = plan.collected();
        let trash = trash::list(self.folder())?;
        let (due, rest): (Vec<_>, Vec<_>) = trash.iter().partition(|it| it.age >= options.grace);
        let bytes = |files: &[&trash::Trashed]| files.iter().map(|it| it.file_bytes).sum::<u64>();
        collected.bytes_freed_now = bytes(&due) + trash::stale_bytes(self.folder(), options.grace)?;
        collected.bytes_in_trash = bytes(&rest);
        match options.grace.is_zero() {
            true => collected.bytes_freed_now += collected.bytes_dropped,
            false => collected.bytes_in_trash += collected.bytes_dropped,
        }
        collected.is_dry_run = true;
        collected.missing_chunks = marker.missing_chunks();
        Ok(collected)
    }
}
