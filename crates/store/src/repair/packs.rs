//! Which packs are sound, and an index of what they hold.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use tamis_engine::pipeline::{self, Flow, Options};

use super::Repair;
use crate::id::ObjectId;
use crate::index::{Index, PackEntry};
use crate::pack::open::{OpenPack, PackFile};
use crate::pack::read::Footer;
use crate::pack::write::SealedPack;
use crate::refs::names_in;
use crate::store::Store;
use crate::verify::VerifyOptions;
use crate::verify::data::{Scratch, Window, windows};
use crate::{Error, Result, pack};

/// Entries that are published at once: about 200 MB of memory.
const FRESH_MAX: usize = 4 << 20;

/// Behind the name of a pack from which something is still to be saved.
const DAMAGED: &str = "damaged";
const DAMAGED_END: &str = ".damaged";

/// What is handed to a thread: a pack, and some of its frames; none if it has no footer.
type Work = (usize, Option<Window>);

impl Repair<'_> {
    /// Reads all packs, and makes an index of what is sound in them.
    pub(super) fn mend_packs(&mut self) -> Result<()> {
        let packs = self.pack_files("packs")?;
        let damaged = self.survey(&packs)?;
        let sound = packs.iter().enumerate();
        let sound = sound.filter(|(number, _)| !damaged.contains(number));
        let sound: Vec<_> = sound.map(|(_, pack)| pack.clone()).collect();
        let index = match self.usable_index(&sound)? {
            Some(index) => index,
            None => self.new_index(&sound)?,
        };
        let mut damaged: Vec<_> = damaged.into_iter().collect();
        damaged.sort_unstable();
        let mut renamed = Vec::new();
        for number in damaged {
            renamed.extend(self.rename_damaged(&packs[number])?);
        }
        self.aside.disk.sync_folder(&self.folder.join("packs"))?;
        for pack in renamed {
            self.cancel.check()?;
            self.salvage(&pack, &index)?;
        }
        Ok(())
    }

    /// Gives a damaged pack a name that no reader takes for a pack, and no new pack can have: one made of the same frames has the
    /// same name. It stays where the next repair looks, if this one is killed. None if an earlier repair has left one of that name:
    /// it was copied from there, so that one has all of it.
    fn rename_damaged(&mut self, pack: &PackFile) -> Result<Option<PackFile>> {
        if pack.path.extension().is_some_and(|it| it == DAMAGED) {
            return Ok(Some(pack.clone()));
        }
        let mut name = pack.path.clone().into_os_string();
        name.push(".");
        name.push(DAMAGED);
        let path = PathBuf::from(name);
        if path.exists() {
            self.aside.take(&pack.path)?;
            return Ok(None);
        }
        self.aside.disk.rename(&pack.path, &path)?;
        Ok(Some(PackFile {
            path,
            ..pack.clone()
        }))
    }

    /// The packs in a folder of the store.
    fn pack_files(&self, folder: &str) -> Result<Vec<PackFile>> {
        let folder = self.folder.join(folder);
        let names = names_in(&folder)?;
        let packs = names.iter().filter_map(|name| {
            let (id, kind) = pack::parse_name(name.strip_suffix(DAMAGED_END).unwrap_or(name))?;
            let path = folder.join(name);
            Some(PackFile { path, id, kind })
        });
        Ok(packs.collect())
    }

    /// Reads all of these packs; the numbers of those that are not wholly sound.
    fn survey(&self, packs: &[PackFile]) -> Result<HashSet<usize>> {
        let progress = &self.options.progress;
        let work = packs.iter().enumerate().flat_map(|(number, pack)| {
            let is_known = pack.path.extension().is_some_and(|it| it == DAMAGED);
            let works: Box<dyn Iterator<Item = Work> + Send> = match pack.open() {
                Ok(open) if !is_known => {
                    progress.expect(1, open.footer.pack.plain_bytes);
                    Box::new(windows(open.shared()).map(move |window| (number, Some(window))))
                }
                _ => Box::new(std::iter::once((number, None))),
            };
            works.map(Ok)
        });
        let run = Options {
            threads: self.settings.thread_count(),
            cancel: self.cancel.clone(),
            ..Options::default()
        };
        let mut damaged = HashSet::new();
        pipeline::run_items(
            "the store",
            work,
            &run,
            Scratch::default,
            |scratch: &mut Scratch, (number, window)| {
                let Some(window) = window else {
                    return Ok((number, false, 0));
                };
                let flaws = scratch.check_window(&window, &mut |_, _| Ok(()));
                let is_sound = flaws.is_ok_and(|flaws| flaws.is_empty());
                Ok((number, is_sound, window.plain_bytes()))
            },
            |(number, is_sound, bytes): (usize, bool, u64)| {
                progress.done(0, bytes);
                if !is_sound {
                    damaged.insert(number);
                }
                Ok(Flow::Continue)
            },
        )?;
        Ok(damaged)
    }

    /// The index as it is, if it is whole and knows just the packs that are sound.
    fn usable_index(&mut self, sound: &[PackFile]) -> Result<Option<Index>> {
        let reason = match Index::open_on(self.aside.disk.clone(), &self.folder) {
            Ok(index) => match flaw_of(&index, sound) {
                None => return Ok(Some(index)),
                Some(reason) => reason,
            },
            // Of a manifest with a right hash: a newer version made it. Segments are ours to make.
            Err(error @ Error::Version { .. }) if is_of_manifest(&error) => return Err(error),
            Err(error) => error.to_string(),
        };
        self.note(format!("the index was made again from the packs: {reason}"));
        Ok(None)
    }

    /// An index of these packs in place of the one that is there.
    fn new_index(&mut self, sound: &[PackFile]) -> Result<Index> {
        let folder = self.folder.join("index");
        for name in names_in(&folder)? {
            // All of them: segments that are sound come back as part of new ones.
            self.aside.take(&folder.join(name))?;
        }
        self.result.rebuilt_index = true;
        let index = Index::open_on(self.aside.disk.clone(), &self.folder)?;
        for pack in sound {
            self.cancel.check()?;
            let footer = pack.open()?.footer;
            add(&index, footer.pack, footer.objects.iter().map(|it| it.id))?;
        }
        index.publish()?;
        Ok(index)
    }

    /// Takes packs out of the trash that have what is missing, until that helps no more; what is lost then.
    pub(super) fn search_trash(&mut self, store: &Store) -> Result<HashSet<ObjectId>> {
        loop {
            let (_, lost) = store.verify_for_repair(&VerifyOptions::default())?;
            let lost: HashSet<_> = lost.into_iter().collect();
            let mut rescued = 0;
            for pack in self.pack_files("trash")? {
                self.cancel.check()?;
                rescued += u64::from(!lost.is_empty() && self.rescue(&pack, &lost, store)?);
            }
            self.result.rescued_packs += rescued;
            if rescued == 0 {
                return Ok(lost);
            }
        }
    }

    fn rescue(&mut self, pack: &PackFile, lost: &HashSet<ObjectId>, store: &Store) -> Result<bool> {
        let index = store.objects().index();
        let Ok(OpenPack { footer, .. }) = pack.open() else {
            // Nobody knows what was in it.
            return Ok(self.salvage(pack, index)? > 0);
        };
        if !footer.objects.iter().any(|it| lost.contains(&it.id)) {
            return Ok(false);
        }
        if !self.survey(std::slice::from_ref(pack))?.is_empty() {
            return Ok(self.salvage(pack, index)? > 0);
        }
        let to = pack::path(&self.folder, pack.id, pack.kind);
        self.aside.disk.rename(&pack.path, &to)?;
        for name in ["trash", "packs"] {
            self.aside.disk.sync_folder(&self.folder.join(name))?;
        }
        add(index, footer.pack, footer.objects.iter().map(|it| it.id))?;
        index.publish()?;
        self.note(format!("the pack {} was taken out of the trash", pack.id));
        Ok(true)
    }
}

/// Adds a durable pack, and publishes now and then.
fn add(index: &Index, pack: PackEntry, ids: impl IntoIterator<Item = ObjectId>) -> Result<()> {
    index.add_fresh(pack, ids);
    if index.unpublished_count() > FRESH_MAX {
        index.publish()?;
    }
    Ok(())
}

fn is_of_manifest(error: &Error) -> bool {
    matches!(error, Error::Version { path, .. } if path.ends_with("manifest"))
}

/// Why an index is not that of these packs.
fn flaw_of(index: &Index, sound: &[PackFile]) -> Option<String> {
    for segment in index.segments() {
        if let Err(error) = segment.verify() {
            return Some(error.to_string());
        }
    }
    let mut known: HashMap<_, _> = index
        .known_packs()
        .into_iter()
        .map(|pack| (pack.id, pack))
        .collect();
    for pack in sound {
        let Some(entry) = known.remove(&pack.id) else {
            return Some(format!("it does not know the pack {}", pack.id));
        };
        match pack.open() {
            Ok(OpenPack { footer, .. }) if footer.pack == entry && finds_all(index, &footer) => {}
            _ => return Some(format!("it does not agree with the pack {}", pack.id)),
        }
    }
    let left = known.into_keys().next();
    left.map(|id| format!("the pack {id} is missing or damaged"))
}

/// Whether the index leads to everything in a pack.
fn finds_all(index: &Index, footer: &Footer) -> bool {
    let objects = &footer.objects;
    objects.iter().all(|object| {
        index.find(&object.id).is_ok_and(|place| {
            place.is_some_and(|place| {
                let found = objects.get(place.entry as usize);
                place.pack != footer.pack.id || found.is_some_and(|it| it.id == object.id)
            })
        })
    })
}

/// Makes new packs known, which are durable.
pub(super) fn publish(index: &Index, packs: Vec<SealedPack>) -> Result<()> {
    for sealed in packs {
        add(index, sealed.pack, sealed.objects.iter().map(|it| it.id))?;
    }
    index.publish()?;
    Ok(())
}
