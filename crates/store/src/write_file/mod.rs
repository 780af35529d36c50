//! A file that is written into the store as a stream, and committed when it is whole.
//!
//! ```text
//! bytes in order ──► buffer ──cut──► chunks ──► packs          (as they come)
//!                                      └──► chunk list ──► edited tree ──► commit ──► the branch   (at the end)
//! ```
//!
//! 1. Bytes are cut as `add` would cut them, whatever pieces they come in; memory is that of the longest chunk and a mebibyte.
//! 2. At the end the tree of the branch is edited ([`edit`]): only the folders on the path are written again.
//! 3. What was written is made durable, and under one lock put into the index and committed, if the branch is where it was. If
//!    somebody has moved it meanwhile, step 2 is repeated on what is there now.
//!
//! Dropped before its end it leaves no trace but packs that nobody refers to. A work tree that is not touched by it lags behind the
//! branch; the next [`Session`](crate::session::Session) takes over what was committed.

mod edit;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tamis_engine::names::show_bytes;
use tamis_engine::sink::Sink;

use crate::chunker::Chunker;
use crate::commit::Commit;
use crate::entry::{Body, Content, Entry, Run};
use crate::history::Record;
use crate::id::CommitId;
use crate::ingest::Ingest;
use crate::lock::{Role, Wait};
use crate::path::leads_to_store;
use crate::read::to_engine;
use crate::refs::{BRANCH, HEAD};
use crate::session::CommitRequest;
use crate::store::{FOLDER, Store};
use crate::tree::ListWriter;
use crate::{Error, Result};
use edit::{find_replaced, put_file};

/// What is cut at a time, besides the longest chunk.
const CUT_BYTES: usize = 1 << 20;

/// The mode of a file that was not there before.
const MODE: u32 = 0o644;

/// Writes a file into the store. See the [module](self).
pub struct StoreSink {
    store: Arc<Store>,
    name: String,
    path: Vec<u8>,
    request: CommitRequest,
    output: StoreOutput,
    chunker: Chunker,
    ingest: Ingest,
    list: ListWriter,
    /// Bytes that are not cut yet.
    buffer: Vec<u8>,
    len_bytes: u64,
    began: Instant,
    /// Something could not be written, so the rest must not be taken for the whole.
    has_failed: bool,
}

/// What became of a [`StoreSink`], seen from outside. Clones see the same.
#[derive(Clone, Debug, Default)]
pub struct StoreOutput(Arc<OnceLock<Written>>);

/// A file that is in the store now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The commit that has it.
    pub commit: CommitId,
    /// Whether it was made for that: not if the branch had the same bytes there already.
    pub is_new: bool,
    /// The length of the file.
    pub len_bytes: u64,
    /// Chunks that were in no pack before.
    pub new_chunks: u64,
    /// Their plain bytes.
    pub new_plain_bytes: u64,
    /// What the new packs take.
    pub stored_bytes: u64,
}

impl StoreOutput {
    /// What was written; `None` until the sink is finished.
    pub fn written(&self) -> Option<Written> {
        self.0.get().copied()
    }
}

impl StoreSink {
    /// A sink for what is to be at `path` of `revision`, which must be the branch; `name` is what errors call it. Of the
    /// request it does not matter whether it allows an empty commit.
    ///
    /// # Errors
    /// [`Error::Usage`] if `revision` is something that cannot be written to, or if at the path or above it is something in the
    /// way; [`Error::Io`].
    pub fn new(
        store: Arc<Store>,
        revision: &str,
        path: &[u8],
        name: impl Into<String>,
        request: CommitRequest,
    ) -> Result<(StoreSink, StoreOutput)> {
        if revision != BRANCH && revision != HEAD {
            return Err(Error::Usage {
                reason: format!(
                    "nothing can be written to `{revision}`: only the branch grows; write to `{BRANCH}`"
                ),
            });
        }
        if path.is_empty() {
            return Err(Error::Usage {
                reason: format!("`{revision}:` is all of a commit; name the file to be written"),
            });
        }
        if leads_to_store(path) {
            return Err(Error::Usage {
                reason: format!(
                    "nothing can be written to `{}`: a store is called `{FOLDER}`, and nothing of that name is kept",
                    show_bytes(path)
                ),
            });
        }
        if let Some(head) = store.refs().head()? {
            let root = store.refs().commit(head)?.root;
            // Better now than after hours.
            find_replaced(Some(root), path, store.objects())?;
        }
        let output = StoreOutput::default();
        let sink = StoreSink {
            chunker: Chunker::new(store.format().chunks)?,
            ingest: Ingest::start(&store)?,
            store,
            name: name.into(),
            path: path.to_vec(),
            request,
            output: output.clone(),
            list: ListWriter::new(),
            buffer: Vec::new(),
            len_bytes: 0,
            began: Instant::now(),
            has_failed: false,
        };
        Ok((sink, output))
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        let full = self.chunker.parameters().max_bytes as usize + CUT_BYTES;
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(bytes.len().min(full - self.buffer.len()));
            self.buffer.extend_from_slice(piece);
            self.len_bytes += piece.len() as u64;
            bytes = rest;
            if self.buffer.len() == full {
                self.store.cancel().check()?;
                self.cut(Rest::Comes)?;
            }
        }
        Ok(())
    }

    /// Packs the chunks whose ends are known.
    fn cut(&mut self, rest: Rest) -> Result<()> {
        if self.ingest.has_failed() {
            // Says why; it cannot be fine.
            self.ingest.settle()?;
        }
        let needed = match rest {
            Rest::Comes => self.chunker.parameters().max_bytes as usize,
            Rest::IsThere => 1,
        };
        let mut chunks = self.ingest.chunks()?;
        let mut nodes = self.ingest.nodes()?;
        let mut start = 0;
        while self.buffer.len() - start >= needed {
            let ahead = &self.buffer[start..];
            let chunk = &ahead[..self.chunker.cut(ahead)];
            let run = Run {
                id: self.ingest.data().put(chunk, &mut chunks)?,
                len_bytes: chunk.len() as u32,
                count: 1,
            };
            self.list.push(run, &mut nodes)?;
            start += chunk.len();
        }
        chunks.finish();
        nodes.finish();
        self.buffer.drain(..start);
        Ok(())
    }

    fn commit(mut self) -> Result<Written> {
        self.cut(Rest::IsThere)?;
        let list = std::mem::take(&mut self.list);
        let mut nodes = self.ingest.nodes()?;
        let body = list.finish(&mut nodes)?;
        nodes.finish();
        loop {
            self.store.cancel().check()?;
            if let Some(written) = self.try_commit(&body)? {
                return Ok(written);
            }
        }
    }

    /// Commits on top of where the branch is; `None` if it was moved meanwhile.
    fn try_commit(&mut self, body: &Body) -> Result<Option<Written>> {
        let refs = self.store.refs();
        let head = refs.head()?;
        let root = head
            .map(|it| refs.commit(it))
            .transpose()?
            .map(|it| it.root);
        let replaced = find_replaced(root, &self.path, self.store.objects())?;
        let new = self.ingest.new_objects();
        let mut written = Written {
            commit: CommitId([0; 32]),
            is_new: false,
            len_bytes: self.len_bytes,
            new_chunks: new.chunks,
            new_plain_bytes: new.plain_bytes,
            stored_bytes: 0,
        };
        let now = now_ns();
        let entry = self.entry(replaced.as_ref().map(|it| &it.entry), body, now);
        if let (Some(commit), Some(replaced)) = (head, &replaced)
            && has_same_bytes(&replaced.entry, &entry)
        {
            return Ok(Some(Written { commit, ..written }));
        }
        let mut nodes = self.ingest.nodes()?;
        let objects = self.store.objects();
        let (root, totals) = put_file(root, &self.path, &entry, objects, &mut nodes)?;
        nodes.finish();
        self.ingest.settle()?;
        let commit = Commit {
            root,
            totals,
            parents: head.into_iter().collect(),
            time_ns: now,
            offset_minutes: self.request.offset_minutes,
            author: self.request.author.clone(),
            message: self.request.message.clone(),
            new_chunks: new.chunks,
            new_plain_bytes: new.plain_bytes,
            stored_bytes: self.ingest.settled_bytes(),
        };
        let lock = self.store.locks().exclusive(Role::Publish, Wait::Yes)?;
        if refs.head()? != head {
            return Ok(None);
        }
        written.stored_bytes = commit.stored_bytes;
        self.ingest.publish_locked(&self.store, &lock)?;
        written.commit = refs.write_commit(&commit)?;
        written.is_new = true;
        refs.move_head(head, written.commit)?;
        Ok(Some(written))
    }

    /// The file as it will be: as the one before, but for its bytes and its time.
    fn entry(&self, replaced: Option<&Entry>, body: &Body, now_ns: i64) -> Entry {
        Entry {
            mode: replaced.map_or(MODE, |it| it.mode),
            modified_ns: now_ns,
            attributes: replaced.map_or(Vec::new(), |it| it.attributes.clone()),
            content: Content::File {
                len_bytes: self.len_bytes,
                is_sparse: false,
                body: body.clone(),
            },
        }
    }
}

/// Whether the file goes on behind what is in the buffer.
#[derive(Clone, Copy)]
enum Rest {
    Comes,
    IsThere,
}

fn has_same_bytes(old: &Entry, new: &Entry) -> bool {
    let bytes = |entry: &Entry| match &entry.content {
        Content::File {
            len_bytes, body, ..
        } => Some((*len_bytes, body.clone())),
        _ => None,
    };
    bytes(old) == bytes(new)
}

fn now_ns() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}

impl Sink for StoreSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_all(&mut self, bytes: &[u8]) -> tamis_engine::Result<()> {
        let taken = match self.has_failed {
            true => Err(Error::Poisoned {
                path: self.store.folder().to_owned(),
            }),
            false => self.take(bytes),
        };
        self.has_failed = taken.is_err();
        taken.map_err(|error| to_engine(&self.name, error))
    }

    /// Makes it durable, and commits it.
    fn finish(self: Box<Self>) -> tamis_engine::Result<()> {
        let (name, output, began) = (self.name.clone(), self.output.clone(), self.began);
        let store = self.store.clone();
        let committed = match self.has_failed {
            true => Err(Error::Poisoned {
                path: store.folder().to_owned(),
            }),
            false => self.commit(),
        };
        let written = committed.map_err(|error| to_engine(&name, error))?;
        Record {
            commit: written.is_new.then(|| written.commit.to_string()),
            files: 1,
            plain_bytes: written.len_bytes,
            new_chunks: written.new_chunks,
            new_plain_bytes: written.new_plain_bytes,
            stored_bytes: written.stored_bytes,
            ..Record::new("write", began.elapsed().as_secs_f64())
        }
        .append(store.folder());
        output.0.get_or_init(|| written);
        Ok(())
    }
}
