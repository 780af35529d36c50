//! Full packs on their way to being durable: a thread of its own, the sealer, takes them, makes each durable, and then the folder that
//! names it. What needs a pack waits until its number is here.

use std::collections::HashSet;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::packer::{Bench, Packer, Serial};
use crate::pack::write::SealedPack;
use crate::perf::Stage;
use crate::{Error, Result};

/// Packs that are durable, as the sealer leaves them.
#[derive(Debug, Default)]
pub(crate) struct Sealed(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    serials: HashSet<Serial>,
    packs: Vec<SealedPack>,
    error: Option<Error>,
    /// Also when the error has been told.
    has_failed: bool,
}

impl Sealed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals whatever comes, until nobody sends any more. After an error, the rest is let go.
    pub(super) fn run(&self, full: Receiver<Bench>, packer: &Packer) {
        for bench in full {
            if self.has_failed() {
                continue;
            }
            let serial = bench.serial;
            let sealed = packer.clock.time(Stage::Write, || packer.seal(bench));
            let mut state = self.state();
            match sealed {
                Ok(pack) => {
                    state.serials.insert(serial);
                    state.packs.extend(pack);
                }
                Err(error) => {
                    state.error = Some(error);
                    state.has_failed = true;
                }
            }
        }
    }

    /// Whether a pack could not be made durable.
    pub(super) fn has_failed(&self) -> bool {
        self.state().has_failed
    }

    /// The error that ended it, once.
    pub(super) fn check(&self) -> Result<()> {
        match self.state().error.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Which of these packs are not durable yet.
    pub(crate) fn missing<'a>(&self, serials: &'a [Serial]) -> impl Iterator<Item = Serial> + 'a {
        let state = self.state();
        let missing = serials
            .iter()
            .filter(|serial| !state.serials.contains(serial));
        missing.copied().collect::<Vec<_>>().into_iter()
    }

    pub(crate) fn has_all(&self, serials: &[Serial]) -> bool {
        let state = self.state();
        serials.iter().all(|serial| state.serials.contains(serial))
    }

    /// How many objects are in packs that nobody has taken yet.
    pub(crate) fn object_count(&self) -> usize {
        self.state().packs.iter().map(|it| it.objects.len()).sum()
    }

    /// All packs that were sealed, for the index.
    pub(super) fn take_packs(&self) -> Vec<SealedPack> {
        std::mem::take(&mut self.state().packs)
    }
}

impl Packer {
    /// Makes a pack durable, and its name; an empty one leaves nothing.
    fn seal(&self, mut bench: Bench) -> Result<Option<SealedPack>> {
        if bench.writer.is_empty() {
            return Ok(None);
        }
        let pack = bench.writer.seal(&mut bench.compressor)?;
        self.disk().sync_folder(&self.store().join("packs"))?;
        Ok(Some(pack))
    }
}
