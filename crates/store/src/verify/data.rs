//! The payload of packs, object by object against its id: as fast as the disk or all cores are.
//!
//! A pack is cut into windows of whole frames, some MB each, which threads take one by one. A window is read in one go past all
//! caches of ours (what is read once would only push out what others need), into a buffer that its thread keeps, as it keeps the one that it
//! unpacks to.

use std::collections::HashMap;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use tamis_engine::pipeline::{self, Flow};

use super::{Report, packs};
use crate::id::{FileId, ObjectId};
use crate::index::{PackEntry, PackKind};
use crate::pack::frame::{Decompressor, FrameHeader, read_head};
use crate::pack::open::OpenPack;
use crate::pack::read::FramePlace;
use crate::pack::{PackedObject, object_id};
use crate::progress::StoreProgress;
use crate::store::Store;
use crate::{Error, Result};

/// What is read at once, unless one frame is longer.
const WINDOW_BYTES: u64 = 4 << 20;

/// Some frames of a pack, one behind the other.
#[derive(Debug)]
pub(crate) struct Window {
    pack: Arc<OpenPack>,
    frames: Range<usize>,
}

/// The windows of a pack, in order.
pub(crate) fn windows(pack: Arc<OpenPack>) -> impl Iterator<Item = Window> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let frames = &pack.footer.frames;
        let first = frames.get(start)?;
        let mut bytes = 0;
        let joined = frames[start..].iter().take_while(|frame| {
            let follows = u64::from(frame.offset) == u64::from(first.offset) + bytes;
            let fits = bytes == 0 || bytes + frame.header.len_bytes() <= WINDOW_BYTES;
            bytes += frame.header.len_bytes();
            follows && fits
        });
        let end = start + joined.count();
        let window = Window {
            pack: pack.clone(),
            frames: start..end,
        };
        start = end;
        Some(window)
    })
}

/// The same, one window for each frame: for packs that may not be readable throughout.
pub(crate) fn frame_windows(pack: Arc<OpenPack>) -> impl Iterator<Item = Window> {
    (0..pack.footer.frames.len()).map(move |number| Window {
        pack: pack.clone(),
        frames: number..number + 1,
    })
}

impl Window {
    fn frames(&self) -> &[FramePlace] {
        &self.pack.footer.frames[self.frames.clone()]
    }

    /// Length of what is in it, unpacked.
    pub(crate) fn plain_bytes(&self) -> u64 {
        let frames = self.frames().iter();
        frames.map(|it| u64::from(it.header.plain_bytes)).sum()
    }

    fn stored_bytes(&self) -> u64 {
        self.frames().iter().map(|it| it.header.len_bytes()).sum()
    }
}

/// What is wrong with a frame.
#[derive(Debug)]
pub(crate) struct FrameFlaw {
    /// Where it starts.
    pub(crate) offset: u64,
    /// What is wrong.
    pub(crate) detail: String,
    /// Objects that cannot be had.
    pub(crate) objects: Vec<ObjectId>,
}

/// What a thread keeps from window to window.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    stored: Vec<u8>,
    plain: Vec<u8>,
    decompressor: Decompressor,
}

impl Scratch {
    /// Unpacks a frame, and shows `good` every object that is what its id says; tells the others.
    pub(crate) fn check_frame(
        &mut self,
        kind: PackKind,
        header: &FrameHeader,
        objects: &[PackedObject],
        payload: &[u8],
        good: &mut dyn FnMut(&ObjectId, &[u8]) -> Result<()>,
    ) -> Result<Vec<ObjectId>> {
        let unpacked = self.decompressor.unpack(header, payload, &mut self.plain);
        if unpacked.is_err() {
            return Ok(objects.iter().map(|it| it.id).collect());
        }
        let mut bad = Vec::new();
        let mut rest = &self.plain[..];
        for object in objects {
            let Some((plain, behind)) = rest.split_at_checked(object.len_bytes as usize) else {
                bad.push(object.id);
                continue;
            };
            rest = behind;
            match object_id(kind, plain) == object.id {
                true => good(&object.id, plain)?,
                false => bad.push(object.id),
            }
        }
        Ok(bad)
    }

    /// Reads a window, and checks each frame in it; shows `good` what is in them.
    pub(crate) fn check_window(
        &mut self,
        window: &Window,
        good: &mut dyn FnMut(&ObjectId, &[u8]) -> Result<()>,
    ) -> Result<Vec<FrameFlaw>> {
        let pack = &*window.pack;
        let frames = window.frames();
        let start = frames.first().map_or(0, |frame| u64::from(frame.offset));
        let len_bytes = window.stored_bytes();
        // A footer whose frames reach beyond the pack was refused, so this is bounded by what is there.
        let mut stored = std::mem::take(&mut self.stored);
        if stored.len() < len_bytes as usize {
            stored.resize(len_bytes as usize, 0);
        }
        let bytes = &mut stored[..len_bytes as usize];
        let read = pack.file.read_exact_at(bytes, start);
        read.map_err(Error::io("read", &pack.path))?;
        let mut flaws = Vec::new();
        for frame in frames {
            let at = (u64::from(frame.offset) - start) as usize;
            let bytes = &bytes[at..at + frame.header.len_bytes() as usize];
            flaws.extend(self.check_placed(pack, frame, bytes, good)?);
        }
        self.stored = stored;
        Ok(flaws)
    }

    fn check_placed(
        &mut self,
        pack: &OpenPack,
        frame: &FramePlace,
        bytes: &[u8],
        good: &mut dyn FnMut(&ObjectId, &[u8]) -> Result<()>,
    ) -> Result<Option<FrameFlaw>> {
        let first = frame.first_entry as usize;
        let objects = &pack.footer.objects[first..first + frame.header.entries as usize];
        let payload = &bytes[frame.header.payload_offset() as usize..];
        let kind = pack.footer.pack.kind;
        let bad = self.check_frame(kind, &frame.header, objects, payload, good)?;
        let agrees = read_head(bytes)
            .is_ok_and(|(header, listed)| header == frame.header && listed == objects);
        let detail = match (bad.len(), agrees, frame.header.is_payload(payload)) {
            (0, true, true) => return Ok(None),
            (0, false, _) => "the table of a frame is damaged; the footer still has it".to_owned(),
            // Packed bytes have bits that unpacking does not look at.
            (0, true, false) => "a frame is damaged; all in it can still be had".to_owned(),
            (count, ..) => format!(
                "{count} of {} objects of a frame are damaged",
                objects.len()
            ),
        };
        Ok(Some(FrameFlaw {
            offset: frame.offset.into(),
            detail,
            objects: bad,
        }))
    }
}

/// How much was read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checked {
    pub(super) plain_bytes: u64,
    pub(super) stored_bytes: u64,
}

/// What is handed to a thread.
enum Work {
    Window(Window),
    /// A pack that cannot be opened any more.
    Closed(PathBuf, Error),
}

/// What a thread found in a window.
struct CheckedWindow {
    pack: Option<FileId>,
    path: PathBuf,
    flaws: Result<Vec<FrameFlaw>>,
    read: Checked,
}

/// Reads all these packs.
pub(super) fn check(
    store: &Store,
    packs: Vec<PackEntry>,
    progress: &StoreProgress,
    report: &mut Report,
) -> Result<Checked> {
    let total = packs.iter().map(|pack| pack.plain_bytes).sum();
    progress.expect(packs.len() as u64, total);
    let work = packs.into_iter().flat_map(|pack| {
        let works: Box<dyn Iterator<Item = Work> + Send> = match packs::open(store, &pack) {
            Ok(Some(open)) => Box::new(windows(open.shared()).map(Work::Window)),
            Ok(None) => Box::new(std::iter::empty()),
            Err(error) => {
                let path = crate::pack::path(store.folder(), pack.id, pack.kind);
                Box::new(std::iter::once(Work::Closed(path, error)))
            }
        };
        works.map(Ok)
    });
    let mut checked = Checked::default();
    let mut problems = Flaws::default();
    pipeline::run_items(
        "the store",
        work,
        &packs::run_options(store),
        Scratch::default,
        |scratch, work| Ok(scratch.carry_out(work)),
        |found: CheckedWindow| {
            checked.plain_bytes += found.read.plain_bytes;
            checked.stored_bytes += found.read.stored_bytes;
            progress.done(0, found.read.plain_bytes);
            problems.take(found, store, report);
            Ok(Flow::Continue)
        },
    )?;
    problems.tell(report);
    Ok(checked)
}

impl Scratch {
    fn carry_out(&mut self, work: Work) -> CheckedWindow {
        let window = match work {
            Work::Window(window) => window,
            Work::Closed(path, error) => {
                return CheckedWindow {
                    pack: None,
                    path,
                    flaws: Err(error),
                    read: Checked::default(),
                };
            }
        };
        let flaws = self.check_window(&window, &mut |_, _| Ok(()));
        let read = Checked {
            plain_bytes: window.plain_bytes(),
            stored_bytes: window.stored_bytes(),
        };
        CheckedWindow {
            pack: Some(window.pack.footer.pack.id),
            path: window.pack.path.clone(),
            flaws,
            read,
        }
    }
}

/// What is wrong with each pack: one problem for all of its frames.
#[derive(Default)]
struct Flaws(HashMap<FileId, PackFlaws>);

struct PackFlaws {
    problem: usize,
    frames: u64,
    lost: u64,
}

impl Flaws {
    fn take(&mut self, found: CheckedWindow, store: &Store, report: &mut Report) {
        let (pack, flaws) = match (found.pack, found.flaws) {
            (Some(pack), Ok(flaws)) => (pack, flaws),
            (_, Err(error)) => {
                report.take(&found.path, error);
                return;
            }
            (None, Ok(_)) => return,
        };
        let index = store.objects().index();
        for flaw in flaws {
            let sums = self.0.entry(pack).or_insert_with(|| {
                let detail = format!("byte {}: {}", flaw.offset, flaw.detail);
                PackFlaws {
                    problem: report.problem(&found.path, detail),
                    frames: 0,
                    lost: 0,
                }
            });
            sums.frames += 1;
            for id in flaw.objects {
                // Another pack may have it, and be the one that is asked.
                let is_elsewhere = index
                    .find(&id)
                    .is_ok_and(|place| place.is_some_and(|place| place.pack != pack));
                if !is_elsewhere {
                    sums.lost += 1;
                    report.lose(id, sums.problem);
                }
            }
        }
    }

    /// Says of packs with several bad frames how many there are.
    fn tell(self, report: &mut Report) {
        for sums in self.0.into_values().filter(|it| it.frames > 1) {
            let more = format!("; {} frames in all, {} objects", sums.frames, sums.lost);
            report.extend(sums.problem, &more);
        }
    }
}
