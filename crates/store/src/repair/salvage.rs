//! Copying what is sound of a damaged pack to a new one.

use std::collections::HashSet;
use std::fs::File;

use super::Repair;
use super::packs::publish;
use crate::disk::SharedDisk;
use crate::id::ObjectId;
use crate::index::Index;
use crate::pack::frame::Compressor;
use crate::pack::open::PackFile;
use crate::pack::scan::scan;
use crate::pack::write::{PackWriter, SealedPack};
use crate::verify::data::{Scratch, frame_windows};
use crate::{Error, Result};

/// New packs for what is saved.
struct Rescue<'i> {
    new_writer: Box<dyn Fn() -> Result<PackWriter> + 'i>,
    index: &'i Index,
    compressor: Compressor,
    writer: Option<PackWriter>,
    /// What is in them, for the index does not know yet.
    saved: HashSet<ObjectId>,
    packs: Vec<SealedPack>,
}

impl Rescue<'_> {
    /// Keeps an object, unless a sound pack has it.
    fn keep(&mut self, id: &ObjectId, plain: &[u8]) -> Result<()> {
        if self.index.find(id)?.is_some() || !self.saved.insert(*id) {
            return Ok(());
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert((self.new_writer)()?),
        };
        writer.put(*id, plain, &mut self.compressor)?;
        match writer.is_full() {
            true => self.seal(),
            false => Ok(()),
        }
    }

    fn seal(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            self.packs.push(writer.seal(&mut self.compressor)?);
        }
        Ok(())
    }
}

impl Repair<'_> {
    /// Copies all that is sound in `pack`, and that `index` does not know, and moves the pack aside. How many objects were saved.
    pub(super) fn salvage(&mut self, pack: &PackFile, index: &Index) -> Result<u64> {
        let disk: SharedDisk = self.aside.disk.clone();
        let folder = self.folder.clone();
        let kind = pack.kind;
        let mut rescue = Rescue {
            new_writer: Box::new(move || PackWriter::new(&disk, folder.clone(), kind)),
            index,
            compressor: Compressor::new(
                self.settings.compression,
                self.settings.compression_threshold_bytes,
            ),
            writer: None,
            saved: HashSet::new(),
            packs: Vec::new(),
        };
        save_all(pack, &mut rescue)?;
        rescue.seal()?;
        let saved = rescue.saved.len() as u64;
        let packs = std::mem::take(&mut rescue.packs);
        drop(rescue);
        publish(index, &self.folder.join("packs"), packs)?;
        self.aside.take(&pack.path)?;
        self.result.salvaged_objects += saved;
        self.note(format!(
            "the pack {} was damaged; {saved} objects of it were copied to a new one",
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
