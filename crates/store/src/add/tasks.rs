//! What threads are handed, in order: made while others are worked on, so that the next batch is as large as the ones before suggest.

use std::sync::Arc;

use super::file::{OpenedFile, Unread};
use super::large::LargeFile;
use super::plan::{Strategy, Tuner};
use crate::chunker::Chunker;
use crate::settings::Settings;
use crate::walk::{Item, Kind, Root};

/// Work for one thread.
#[derive(Debug)]
pub(super) enum Task<'c> {
    /// The things of these numbers, each by itself.
    Batch(std::ops::Range<usize>),
    /// One window of a file that others work on as well.
    Window {
        file: Arc<LargeFile<'c>>,
        number: u64,
    },
    /// A file that all threads should have worked on, and that could not be opened.
    Unread { number: usize, unread: Unread },
}

/// All tasks for a list of things.
#[derive(Debug)]
pub(super) struct Tasks<'a> {
    pub(super) root: &'a Root,
    pub(super) chunker: &'a Chunker,
    pub(super) settings: &'a Settings,
    pub(super) strategy: Strategy,
    pub(super) tuner: &'a Tuner,
    pub(super) found: &'a [Item],
    next: usize,
    /// A large file, and its next window.
    large: Option<(Arc<LargeFile<'a>>, u64)>,
}

impl<'a> Tasks<'a> {
    pub(super) fn new(
        root: &'a Root,
        chunker: &'a Chunker,
        settings: &'a Settings,
        strategy: Strategy,
        tuner: &'a Tuner,
        found: &'a [Item],
    ) -> Tasks<'a> {
        Tasks {
            root,
            chunker,
            settings,
            strategy,
            tuner,
            found,
            next: 0,
            large: None,
        }
    }

    fn is_split(&self, item: &Item) -> bool {
        item.kind == Kind::File
            && self.strategy.splits_large()
            && item.stamp.len_bytes >= self.split_bytes()
    }

    /// Files from this length on are worked on by all threads, where the strategy has that at all.
    fn split_bytes(&self) -> u64 {
        match self.strategy {
            Strategy::Streaming => self.settings.window_threshold_bytes,
            _ => self.settings.streaming_threshold_bytes,
        }
    }

    fn open_large(&self, number: usize) -> Result<Arc<LargeFile<'a>>, Unread> {
        let opened = OpenedFile::open(self.root, &self.found[number].path)?;
        let window_bytes = self.settings.window_bytes();
        Ok(Arc::new(LargeFile::new(
            number,
            opened,
            self.chunker,
            window_bytes,
        )))
    }

    fn next_window(&mut self) -> Option<Task<'a>> {
        let (file, number) = self.large.take()?;
        if number + 1 < file.window_count() {
            self.large = Some((file.clone(), number + 1));
        }
        Some(Task::Window { file, number })
    }

    fn next_batch(&mut self) -> Task<'a> {
        let start = self.next;
        let rest = self.found[start..]
            .iter()
            .take_while(|it| !self.is_split(it));
        let len = match self.strategy.joins_small() {
            true => self.tuner.batch_len(rest.map(|it| it.stamp.len_bytes)),
            false => 1,
        };
        self.next += len;
        Task::Batch(start..self.next)
    }
}

impl<'a> Iterator for Tasks<'a> {
    type Item = tamis_engine::Result<Task<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(window) = self.next_window() {
            return Some(Ok(window));
        }
        let item = self.found.get(self.next)?;
        if !self.is_split(item) {
            return Some(Ok(self.next_batch()));
        }
        let number = self.next;
        self.next += 1;
        match self.open_large(number) {
            // It may have become short since it was found: still one window, if an empty one.
            Ok(file) if file.window_count() > 0 => {
                self.large = Some((file, 0));
                self.next_window().map(Ok)
            }
            Ok(_) => Some(Ok(Task::Unread {
                number,
                unread: Unread::Changed,
            })),
            Err(unread) => Some(Ok(Task::Unread { number, unread })),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::chunker::Parameters;
    use crate::walk::{Visitor, walk};
    use tamis_engine::control::Cancel;
    use tamis_engine::stamp::Stamp;

    struct All;

    impl Visitor for All {
        fn is_wanted(&self, _: &[u8], _: Kind, _: &Stamp) -> bool {
            true
        }
    }

    /// The tasks for twenty files of 10 bytes and one of 3 MiB: how many files each batch has, and how many windows there are.
    fn tasks(strategy: Strategy, settings: Settings) -> (Vec<usize>, usize) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        (0..20).for_each(|number| {
            let path = folder.path().join(format!("{number:02}"));
            fs::write(path, "0123456789").expect("there is room");
        });
        fs::write(folder.path().join("large"), vec![0; 3 << 20]).expect("there is room");
        let root = Root::open(folder.path(), &folder.path().join("store")).expect("a folder");
        let walked = walk(&root, &[Vec::new()], 1, &All, &Cancel::new()).expect("a folder");
        let found: Vec<_> = walked
            .found
            .into_iter()
            .filter(|it| it.kind == Kind::File)
            .collect();
        let chunker = Chunker::new(Parameters::default()).expect("they fit together");
        let tuner = Tuner::new(settings.batch_files);
        let (mut batches, mut windows) = (Vec::new(), 0);
        for task in Tasks::new(&root, &chunker, &settings, strategy, &tuner, &found) {
            match task.expect("nothing is read") {
                Task::Batch(numbers) => batches.push(numbers.len()),
                Task::Window { .. } => windows += 1,
                Task::Unread { unread, .. } => panic!("{unread}"),
            }
        }
        (batches, windows)
    }

    #[test]
    fn batches_have_as_many_files_as_is_set() {
        let of = |batch_files| Settings {
            batch_files,
            ..Settings::default()
        };
        assert_eq!(tasks(Strategy::Batch, of(500)).0, [21]);
        assert_eq!(tasks(Strategy::Batch, of(8)).0, [8, 8, 5]);
        assert_eq!(tasks(Strategy::Individual, of(8)).0, [1; 21]);
    }

    #[test]
    fn files_are_cut_by_all_threads_from_the_size_that_is_set() {
        let of = |streaming_threshold_bytes, window_threshold_bytes| Settings {
            threads: 2,
            // Windows of a mebibyte.
            memory_bytes: 4 << 20,
            streaming_threshold_bytes,
            window_threshold_bytes,
            ..Settings::default()
        };
        assert_eq!(tasks(Strategy::Hybrid, of(3 << 20, 0)), (vec![20], 3));
        assert_eq!(tasks(Strategy::Hybrid, of((3 << 20) + 1, 0)), (vec![21], 0));
        // Where large files are what it is for, it begins with those that are not read whole.
        assert_eq!(tasks(Strategy::Streaming, of(u64::MAX, 3 << 20)).1, 3);
        assert_eq!(tasks(Strategy::Streaming, of(0, (3 << 20) + 1)).1, 0);
    }
}
