//! The bytes of nodes; `docs/store-format.md` draws them.
//!
//! A node is decoded whole, since it is short, and all that can be wrong with it alone is found then. What the node above
//! claims of it is checked by [`super::claim`].

use crate::codec::{Read, Reader, put_bytes, put_varint};
use crate::entry::{
    Content, Entry, Run, put_attributes, put_body, read_attributes, read_body, read_height,
    read_mode, read_run, read_target, sum_of_runs,
};
use crate::id::ObjectId;
use crate::path::{flaw_of_name, flaw_of_path};

use super::{Child, NODE_BYTES_MAX, NodeRef, Totals};

pub(super) const FOLDER_LEAF: u8 = 1;
pub(super) const FOLDER_BRANCH: u8 = 2;
pub(super) const LIST_LEAF: u8 = 3;
pub(super) const LIST_BRANCH: u8 = 4;

/// What each node starts with: its kind, and this.
pub(super) const VERSION: u8 = 1;

/// A node that was read.
pub(super) enum Node {
    Folder(Vec<Child>),
    FolderBranch(Vec<FolderPart>),
    List(Vec<Run>),
    ListBranch(Vec<ListPart>),
}

/// A node of a folder, as the branch above names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FolderPart {
    pub(super) id: ObjectId,
    pub(super) below: FolderBelow,
}

/// What is below a node of a folder, in all its leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FolderBelow {
    pub(super) last: Vec<u8>,
    pub(super) entries: u64,
    pub(super) totals: Totals,
}

/// A node of a list, as the branch above names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListPart {
    pub(super) id: ObjectId,
    pub(super) bytes: u64,
}

/// Appends a name in a folder and what is there.
pub(super) fn put_child(
    name: &[u8],
    entry: &Entry,
    folder: Option<&(NodeRef, Totals)>,
    link_to: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    put_bytes(name, out);
    out.push(match entry.content {
        Content::File { .. } => 1,
        Content::Folder => 2,
        Content::Link { .. } => 3,
    });
    put_varint(entry.mode.into(), out);
    out.extend_from_slice(&entry.modified_ns.to_le_bytes());
    put_attributes(&entry.attributes, out);
    match &entry.content {
        Content::File {
            len_bytes,
            is_sparse,
            body,
        } => {
            let hard_link = u8::from(link_to.is_some()) * HARD_LINK;
            let sparse = u8::from(*is_sparse) * SPARSE;
            out.push(sparse | hard_link);
            put_varint(*len_bytes, out);
            put_body(body, out);
            if let Some(path) = link_to {
                put_bytes(path, out);
            }
        }
        Content::Folder => {
            if let Some((node, totals)) = folder {
                out.extend_from_slice(&node.id.0);
                out.push(node.height);
                put_varint(totals.files, out);
                put_varint(totals.bytes, out);
            }
        }
        Content::Link { target } => put_bytes(target, out),
    }
}

/// Appends what a branch of a folder says of a node below.
pub(super) fn put_folder_part(id: &ObjectId, below: &FolderBelow, out: &mut Vec<u8>) {
    put_bytes(&below.last, out);
    out.extend_from_slice(&id.0);
    put_varint(below.entries, out);
    put_varint(below.totals.files, out);
    put_varint(below.totals.bytes, out);
}

/// Appends what a branch of a list says of a node below.
pub(super) fn put_list_part(part: &ListPart, out: &mut Vec<u8>) {
    out.extend_from_slice(&part.id.0);
    put_varint(part.bytes, out);
}

/// Reads a node, whichever kind it is of.
pub(super) fn decode(bytes: &[u8]) -> Read<Node> {
    let mut reader = Reader::new(bytes);
    if bytes.len() > NODE_BYTES_MAX {
        return Err(reader.flaw("a node is longer than 1 MiB"));
    }
    let start = reader.clone();
    let kind = reader.u8()?;
    let version = reader.clone();
    if reader.u8()? != VERSION {
        return Err(version.flaw("a node of a version that is not known"));
    }
    match kind {
        FOLDER_LEAF => decode_folder(&mut reader).map(Node::Folder),
        FOLDER_BRANCH => decode_folder_branch(&mut reader).map(Node::FolderBranch),
        LIST_LEAF => decode_list(&mut reader).map(Node::List),
        LIST_BRANCH => decode_list_branch(&mut reader).map(Node::ListBranch),
        _ => Err(start.flaw("a node of a kind that is not known")),
    }
}

/// Reads a name in a folder and what is there.
pub(super) fn read_child(reader: &mut Reader<'_>) -> Read<Child> {
    let name = read_name(reader)?;
    let start = reader.clone();
    let kind = reader.u8()?;
    let mut child = Child {
        name,
        entry: Entry {
            mode: read_mode(reader)?,
            modified_ns: reader.i64()?,
            attributes: read_attributes(reader)?,
            content: Content::Folder,
        },
        folder: None,
        link_to: None,
    };
    match kind {
        1 => (child.entry.content, child.link_to) = read_file(reader)?,
        2 => child.folder = Some(read_folder(reader)?),
        3 => {
            let target = read_target(reader)?;
            child.entry.content = Content::Link { target };
        }
        _ => return Err(start.flaw("neither a file nor a folder nor a link")),
    }
    Ok(child)
}

/// The name of the entry that makes the bytes of a node no folder, if it is one that does and has a name.
pub(super) fn name_of_bad_entry(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(bytes.get(..NODE_BYTES_MAX).unwrap_or(bytes));
    if reader.array().ok()? != [FOLDER_LEAF, VERSION] {
        return None;
    }
    while !reader.is_empty() {
        let name = read_name(&mut reader.clone()).ok()?;
        if read_child(&mut reader).is_err() {
            return Some(name);
        }
    }
    None
}

fn read_name(reader: &mut Reader<'_>) -> Read<Vec<u8>> {
    let start = reader.clone();
    let name = reader.bytes()?;
    match flaw_of_name(name) {
        Some(detail) => Err(start.flaw(detail)),
        None => Ok(name.to_vec()),
    }
}

fn read_file(reader: &mut Reader<'_>) -> Read<(Content, Option<Vec<u8>>)> {
    let start = reader.clone();
    let flags = reader.u8()?;
    if flags & !(SPARSE | HARD_LINK) != 0 {
        return Err(start.flaw("a flag that is not known"));
    }
    let len_bytes = reader.varint()?;
    let content = Content::File {
        len_bytes,
        is_sparse: flags & SPARSE != 0,
        body: read_body(reader, len_bytes)?,
    };
    if flags & HARD_LINK == 0 {
        return Ok((content, None));
    }
    let start = reader.clone();
    let path = reader.bytes()?;
    match flaw_of_path(path) {
        Some(detail) => Err(start.flaw(detail)),
        None => Ok((content, Some(path.to_vec()))),
    }
}

fn read_folder(reader: &mut Reader<'_>) -> Read<(NodeRef, Totals)> {
    let node = NodeRef {
        id: ObjectId(reader.array()?),
        height: read_height(reader)?,
    };
    Ok((node, read_totals(reader)?))
}

fn read_totals(reader: &mut Reader<'_>) -> Read<Totals> {
    Ok(Totals {
        files: reader.varint()?,
        bytes: reader.varint()?,
    })
}

fn decode_folder(reader: &mut Reader<'_>) -> Read<Vec<Child>> {
    let mut children: Vec<Child> = Vec::new();
    let mut totals = Totals::default();
    while !reader.is_empty() {
        let start = reader.clone();
        let child = read_child(reader)?;
        if children.last().is_some_and(|last| last.name >= child.name) {
            return Err(start.flaw("names are not sorted"));
        }
        totals = totals
            .checked_add(child.totals())
            .ok_or_else(|| start.flaw("more files or bytes than 64 bits can count"))?;
        children.push(child);
    }
    Ok(children)
}

fn decode_folder_branch(reader: &mut Reader<'_>) -> Read<Vec<FolderPart>> {
    let mut parts: Vec<FolderPart> = Vec::new();
    let mut sum: Option<FolderBelow> = None;
    while !reader.is_empty() || parts.is_empty() {
        let start = reader.clone();
        let last = read_name(reader)?;
        let id = ObjectId(reader.array()?);
        let entries = reader.varint()?;
        let totals = read_totals(reader)?;
        let below = FolderBelow {
            last,
            entries,
            totals,
        };
        if entries == 0 {
            return Err(start.flaw("a branch names a node with nothing in it"));
        }
        if sum.as_ref().is_some_and(|sum| sum.last >= below.last) {
            return Err(start.flaw("names are not sorted"));
        }
        add_folder(&mut sum, below.clone())
            .ok_or_else(|| start.flaw("more files or bytes than 64 bits can count"))?;
        parts.push(FolderPart { id, below });
    }
    Ok(parts)
}

fn decode_list(reader: &mut Reader<'_>) -> Read<Vec<Run>> {
    let start = reader.clone();
    let mut runs = Vec::new();
    while !reader.is_empty() || runs.is_empty() {
        runs.push(read_run(reader)?);
    }
    match sum_of_runs(&runs) {
        Some(_) => Ok(runs),
        None => Err(start.flaw("more bytes than 64 bits can count")),
    }
}

fn decode_list_branch(reader: &mut Reader<'_>) -> Read<Vec<ListPart>> {
    let mut parts = Vec::new();
    let mut sum = 0u64;
    while !reader.is_empty() || parts.is_empty() {
        let start = reader.clone();
        let id = ObjectId(reader.array()?);
        let bytes = reader.varint()?;
        if bytes == 0 {
            return Err(start.flaw("a branch names a node with nothing in it"));
        }
        sum = sum
            .checked_add(bytes)
            .ok_or_else(|| start.flaw("more bytes than 64 bits can count"))?;
        parts.push(ListPart { id, bytes });
    }
    Ok(parts)
}

/// Adds what comes behind to what was there; `None` if it is more than 64 bits can count.
pub(super) fn add_folder(sum: &mut Option<FolderBelow>, more: FolderBelow) -> Option<()> {
    match sum {
        None => *sum = Some(more),
        Some(sum) => {
            sum.entries = sum.entries.checked_add(more.entries)?;
            sum.totals = sum.totals.checked_add(more.totals)?;
            sum.last = more.last;
        }
    }
    Some(())
}

/// What is kept of a name that is to be written must read back as it is, or the folder could not be read.
pub(super) fn check_child(
    bytes: &[u8],
    name: &[u8],
    entry: &Entry,
    folder: Option<&(NodeRef, Totals)>,
    link_to: Option<&[u8]>,
) -> Read<()> {
    let mut reader = Reader::new(bytes);
    if bytes.len() > NODE_BYTES_MAX - HEADER_BYTES {
        return Err(reader.flaw("what is kept of it is longer than 1 MiB"));
    }
    if matches!(entry.content, Content::Folder) && folder.is_none() {
        return Err(reader.flaw("nobody says what is in the folder"));
    }
    let child = read_child(&mut reader)?;
    let is_same = reader.is_empty()
        && child.name == name
        && child.entry == *entry
        && child.folder.as_ref() == folder
        && child.link_to.as_deref() == link_to;
    match is_same {
        true => Ok(()),
        false => Err(reader.flaw("what is kept of it contradicts itself")),
    }
}

/// Kind and version.
pub(super) const HEADER_BYTES: usize = 2;

const SPARSE: u8 = 1;
const HARD_LINK: u8 = 2;
