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
