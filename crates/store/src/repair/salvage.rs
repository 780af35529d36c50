//! Copying what is sound of a damaged pack to a new one.

use std::collections::HashSet;
use std::fs::File;

use super::Repair;
use super::packs::publish;
use crate::id::ObjectId;
use crate::index::Index;
use crate::pack::open::PackFile;
use crate::pack::roll::PackRoll;
use crate::pack::scan::scan;
use crate::verify::data::{Scratch, frame_windows};
use crate::{Error, Result};

/// New packs for what is saved.
struct Rescue<'i> {
    packs: PackRoll<'i>,
    index: &'i Index,
    /// What is in them, for the index does not know yet.
    saved: HashSet<ObjectId>,
}

impl Rescue<'_> {
    /// Keeps an object, unless a sound pack has it.
    fn keep(&mut self, id: &ObjectId, plain: &[u8]) -> Result<()> {
        match self.index.find(id)?.is_some() || !self.saved.insert(*id) {
            true => Ok(()),
            false => self.packs.put(*id, plain),
        }
    }
}

impl Repair<'_> {
    /// Copies all that is sound in `pack`, and that `index` does not know, and moves the pack aside. How many objects were saved.
    pub(super) fn salvage(&mut self, pack: &PackFile, index: &Index) -> Result<u64> {
        let mut rescue = Rescue {
            packs: PackRoll::new(&self.aside.disk, &self.folder, pack.kind, &self.settings),
            index,
            saved: HashSet::new(),
        };
        save_all(pack, &mut rescue)?;
        publish(index, rescue.packs.finish()?)?;
        let saved = rescue.saved.len() as u64;
        self.aside.take(&pack.path)?;
        self.result.salvaged_objects += saved;
        let objects = match saved {
            1 => "an object of it was".to_owned(),
            saved => format!("{saved} objects of it were"),
        };
        self.note(format!(
            "the pack {} was damaged; {objects} copied to a new one",
            pack.id
        ));
        Ok(saved)
    }
}

/// Shows `rescue` every sound object of a pack.
fn save_all(pack: &PackFile, rescue: &mut Rescue<'_>) -> Result<()> {
    let mut scratch = Scratch::default();
    // What cannot be read is lost; what cannot be written ends the repair.
    let mut failed = None;
    let mut keep = |id: &ObjectId, plain: &[u8]| {
        if failed.is_none() {
            failed = rescue.keep(id, plain).err();
        }
        Ok(())
    };
    match pack.open() {
        Ok(open) => {
            for window in frame_windows(open.shared()) {
                let _ = scratch.check_window(&window, &mut keep);
            }
        }
        Err(_) => {
            let file = File::open(&pack.path).map_err(Error::io("open", &pack.path))?;
            let metadata = file.metadata().map_err(Error::io("read", &pack.path))?;
            scan(&file, metadata.len(), &mut |header, objects, payload| {
                let checked = scratch.check_frame(pack.kind, header, objects, payload, &mut keep);
                checked.map(drop)
            })?;
        }
    }
    failed.map_or(Ok(()), Err)
}
