//! Packs that no index knows, for readers who miss something.
//!
//! A writer that dies at the wrong moment leaves something durable that relies on a pack in the trash, or in `packs/` without an index.
//! The next `gc`, or the next session, puts that right. Until then whoever reads finds it here, instead of being told that it is missing.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::trash;
use crate::Result;
use crate::id::{FileId, ObjectId};
use crate::index::{Index, Place};
use crate::session::known_packs;

/// Where objects are that no index knows: looked up when something is missed, and again when the folders have changed.
///
/// Cost: the tables of all such packs are read once, and take 150 bytes of memory for each object.
#[derive(Debug, Default)]
pub(crate) struct Strays(Mutex<Option<(Seen, HashMap<ObjectId, Place>)>>);

/// When the folders were changed last, and what index it was.
type Seen = ([Option<SystemTime>; 2], u64);

impl Strays {
    /// Where an object is, if a pack of the store at `store` has it that `index` does not know.
    pub(crate) fn find(&self, store: &Path, index: &Index, id: &ObjectId) -> Result<Option<Place>> {
        let mut strays = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let modified = |name| {
            fs::metadata(store.join(name))
                .and_then(|it| it.modified())
                .ok()
        };
        let seen = (["trash", "packs"].map(modified), index.generation());
        let is_current = strays.as_ref().is_some_and(|(known, _)| *known == seen);
        if !is_current {
            *strays = Some((seen, read_strays(store, &known_packs(index))?));
        }
        let place = strays.as_ref().and_then(|(_, strays)| strays.get(id));
        Ok(place.copied())
    }
}

fn read_strays(store: &Path, known: &HashSet<FileId>) -> Result<HashMap<ObjectId, Place>> {
    let mut strays = HashMap::new();
    for folder in ["trash", "packs"] {
        for trash::Trashed { file, .. } in trash::list_folder(&store.join(folder))? {
            if known.contains(&file.id) {
                continue;
            }
            // One that cannot be read has nothing to give.
            let Ok(pack) = file.open() else {
                continue;
            };
            for (object, entry) in pack.footer.objects.iter().zip(0..) {
                let place = Place {
                    pack: file.id,
                    kind: file.kind,
                    entry,
                };
                strays.insert(object.id, place);
            }
        }
    }
    Ok(strays)
}
