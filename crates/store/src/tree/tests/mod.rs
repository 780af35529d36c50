//! Trees that are written must read back, name for name; equal ones have equal ids, similar ones share nodes; and no bytes
//! of a node make a reader panic or run for ever.

mod diff;
mod folder;
mod hostile;
mod list;
mod locality;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::Error;
use crate::entry::{Body, Run};
use crate::path::NAME_BYTES_MAX;

/// Nodes in memory, which counts what is asked of it.
#[derive(Clone, Default)]
struct Nodes {
    kept: HashMap<ObjectId, Arc<[u8]>>,
    new: usize,
    reads: Arc<AtomicUsize>,
}

impl NodeSink for Nodes {
    fn put_node(&mut self, bytes: &[u8]) -> Result<ObjectId> {
        assert!(bytes.len() <= NODE_BYTES_MAX);
        check_node(bytes).expect("what is written can be read");
        let id = ObjectId::of_node(bytes);
        self.new += usize::from(self.kept.insert(id, bytes.into()).is_none());
        Ok(id)
    }
}

impl NodeSource for Nodes {
    fn node(&self, id: &ObjectId) -> Result<Arc<[u8]>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let missing = Error::Missing {
            what: "node",
            id: *id,
        };
        self.kept.get(id).cloned().ok_or(missing)
    }
}

/// Names of a path. Sorted as sequences of names, paths are in the order of the tree.
type Names = Vec<Vec<u8>>;

/// What a tree should hold: each path, what is there, and the first name of the same file.
type Model = BTreeMap<Names, (Entry, Option<Vec<u8>>)>;

fn joined(names: &Names) -> Vec<u8> {
    names.join(&b'/')
}

fn folder_entry(mode: u32) -> Entry {
    Entry {
        mode,
        modified_ns: 0,
        attributes: Vec::new(),
        content: Content::Folder,
    }
}

fn file_entry(number: u32) -> Entry {
    let body = Body::Runs(vec![Run {
        id: ObjectId::of_chunk(&number.to_le_bytes()),
        len_bytes: 1 + number % 100,
        count: 1,
    }]);
    Entry {
        mode: 0o644,
        modified_ns: number.into(),
        attributes: Vec::new(),
        content: Content::File {
            len_bytes: u64::from(1 + number % 100),
            is_sparse: false,
            body,
        },
    }
}

fn write(model: &Model, nodes: &mut Nodes) -> (NodeRef, Totals) {
    let mut writer = TreeWriter::new();
    for (names, (entry, link_to)) in model {
        writer
            .push(&joined(names), entry, link_to.as_deref(), nodes)
            .expect("paths are in order");
    }
    writer.finish(nodes).expect("memory takes everything")
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    // Bytes below and above `/`, names that begin like others, bytes that are no text.
    let text = prop_oneof!["[a!0-]{1,2}", "[a-c.]{3}"].prop_map(String::into_bytes);
    prop_oneof![3 => text, 1 => vec(prop_oneof![Just(0xff), Just(b' ')], 1..3)]
}

fn attributes() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    proptest::collection::btree_map(vec(1..=255u8, 1..4), vec(any::<u8>(), 0..5), 0..3)
        .prop_map(|attributes| attributes.into_iter().collect())
}

fn content() -> impl Strategy<Value = Content> {
    let run = (any::<u8>(), 1..1000u32, 1..3u32).prop_map(|(byte, len_bytes, count)| Run {
        id: ObjectId([byte; 32]),
        len_bytes,
        count,
    });
    let file = (vec(run, 0..4), any::<bool>()).prop_map(|(runs, is_sparse)| Content::File {
        len_bytes: runs.iter().map(Run::total_bytes).sum(),
        is_sparse,
        body: match runs.is_empty() {
            true => Body::Empty,
            false => Body::Runs(runs),
        },
    });
    let link = vec(1..=255u8, 1..9).prop_map(|target| Content::Link { target });
    prop_oneof![5 => file, 2 => Just(Content::Folder), 1 => link]
}

fn entry() -> impl Strategy<Value = (Entry, Option<Vec<u8>>)> {
    let link_to = proptest::option::weighted(0.1, Just(b"a/b".to_vec()));
    (
        0..=0o7777u32,
        any::<i64>(),
        attributes(),
        content(),
        link_to,
    )
        .prop_map(|(mode, modified_ns, attributes, content, link_to)| {
            let is_file = matches!(content, Content::File { .. });
            let entry = Entry {
                mode,
                modified_ns,
                attributes,
                content,
            };
            (entry, link_to.filter(|_| is_file))
        })
}

type Wish = (Names, (Entry, Option<Vec<u8>>));

fn wishes(count: usize) -> impl Strategy<Value = Vec<Wish>> {
    vec((vec(name(), 1..4), entry()), 0..count)
}

/// A tree of what fits: nothing is below a file, and all that is above is a folder.
fn grow(model: &mut Model, wishes: Vec<Wish>) {
    for (names, entry) in wishes {
        let is_folder = |depth| match model.get(&names[..depth]) {
            Some((entry, _)) => entry.content == Content::Folder,
            None => true,
        };
        let fits = (1..names.len()).all(is_folder);
        if !fits || model.contains_key(&names) {
            continue;
        }
        for depth in 1..names.len() {
            let unknown = (folder_entry(0o755), None);
            model.entry(names[..depth].to_vec()).or_insert(unknown);
        }
        model.insert(names, entry);
    }
}

fn model(count: usize) -> impl Strategy<Value = Model> {
    wishes(count).prop_map(|wishes| {
        let mut model = Model::new();
        grow(&mut model, wishes);
        model
    })
}

/// A folder `large` of so many files, some of them left out, between others.
fn large_model() -> impl Strategy<Value = Model> {
    (0..3000u32, 1..20u32, model(9)).prop_map(|(count, gap, mut model)| {
        let large = b"large".to_vec();
        model.insert(vec![large.clone()], (folder_entry(0o700), None));
        for number in (0..count).filter(|number| number % gap != 1) {
            let name = format!("{number:05}").into_bytes();
            model.insert(vec![large.clone(), name], (file_entry(number), None));
        }
        model
    })
}
