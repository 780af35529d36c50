//! Filling packs one after the other, by one thread: `gc` and `repair` copy what they keep of old packs into new ones.

use std::path::Path;

use super::frame::Compressor;
use super::write::{PackWriter, SealedPack};
use crate::Result;
use crate::disk::SharedDisk;
use crate::id::ObjectId;
use crate::index::PackKind;
use crate::settings::Settings;

/// Packs of one kind, each of which is sealed when it is full.
#[derive(Debug)]
pub(crate) struct PackRoll<'s> {
    disk: &'s SharedDisk,
    store: &'s Path,
    kind: PackKind,
    compressor: Compressor,
    open: Option<PackWriter>,
    sealed: Vec<SealedPack>,
}

impl<'s> PackRoll<'s> {
    /// None yet, of the store at `store`.
    pub(crate) fn new(
        disk: &'s SharedDisk,
        store: &'s Path,
        kind: PackKind,
        settings: &Settings,
    ) -> PackRoll<'s> {
        PackRoll {
            disk,
            store,
            kind,
            compressor: Compressor::new(settings.compression, settings.compression_threshold_bytes),
            open: None,
            sealed: Vec::new(),
        }
    }

    /// Adds an object, which must be of this id.
    ///
    /// # Errors
    /// As of [`PackWriter::put`] and [`PackWriter::seal`].
    pub(crate) fn put(&mut self, id: ObjectId, plain: &[u8]) -> Result<()> {
        let writer = match &mut self.open {
            Some(writer) => writer,
            none => none.insert(PackWriter::new(
                self.disk,
                self.store.to_owned(),
                self.kind,
            )?),
        };
        writer.put(id, plain, &mut self.compressor)?;
        match writer.is_full() {
            true => self.seal(),
            false => Ok(()),
        }
    }

    fn seal(&mut self) -> Result<()> {
        if let Some(writer) = self.open.take() {
            self.sealed.push(writer.seal(&mut self.compressor)?);
        }
        Ok(())
    }

    /// Everything that was put since the last time, durable, and in no index.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), [`Error::Poisoned`](crate::Error::Poisoned).
    pub(crate) fn finish(&mut self) -> Result<Vec<SealedPack>> {
        self.seal()?;
        if !self.sealed.is_empty() {
            self.disk.sync_folder(&self.store.join("packs"))?;
        }
        Ok(std::mem::take(&mut self.sealed))
    }
}
