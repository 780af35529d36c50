//! Commits, and the small files that name them: refs, and the list of what is forgotten.
//!
//! A commit names the root of a tree and the commits before it, so that its id vouches for all of both. Only bytes are made
//! and read here; where they are kept is another's business.

use std::collections::BTreeSet;

use crate::codec::{Flaw, Read, Reader, put_bytes, put_varint};
use crate::entry::read_height;
use crate::id::{CommitId, ID_BYTES, ObjectId};
use crate::tree::{NodeRef, Totals};
use crate::{Error, Result};

/// Length of a ref.
pub(crate) const REF_BYTES: usize = 72;

/// A version of the whole tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The root folder.
    pub root: NodeRef,
    /// What is in it.
    pub totals: Totals,
    /// The commits it was made from: none for the first, more than one for a merge.
    pub parents: Vec<CommitId>,
    /// When it was made, in nanoseconds since 1970.
    pub time_ns: i64,
    /// Where it was made: minutes east of UTC, less than a day.
    pub offset_minutes: i16,
    /// Who made it.
    pub author: String,
    /// Why.
    pub message: String,
    /// Chunks that were in no pack before.
    pub new_chunks: u64,
    /// Their length, before compression.
    pub new_plain_bytes: u64,
    /// What they and the nodes made with them take in packs.
    pub stored_bytes: u64,
}

impl Commit {
    /// The commit as it is kept.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = COMMIT_MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&self.root.id.0);
        out.push(self.root.height);
        put_varint(self.parents.len() as u64, &mut out);
        self.parents
            .iter()
            .for_each(|parent| out.extend_from_slice(&parent.0));
        out.extend_from_slice(&self.time_ns.to_le_bytes());
        out.extend_from_slice(&self.offset_minutes.to_le_bytes());
        put_bytes(self.author.as_bytes(), &mut out);
        put_bytes(self.message.as_bytes(), &mut out);
        let numbers = [
            self.totals.files,
            self.totals.bytes,
            self.new_chunks,
            self.new_plain_bytes,
            self.stored_bytes,
        ];
        numbers
            .into_iter()
            .for_each(|number| put_varint(number, &mut out));
        out
    }

    /// The commit that was kept as `bytes`.
    ///
    /// # Errors
    /// [`Error::BadObject`] if that is none. Whether it is the one that was asked for, [`CommitId::of`] tells.
    pub fn decode(bytes: &[u8]) -> Result<Commit> {
        read_commit(bytes).map_err(|flaw| Error::BadObject {
            what: "commit",
            id: CommitId::of(bytes).to_string(),
            byte_offset: flaw.byte_offset,
            detail: flaw.detail.into(),
        })
    }

    /// Its id.
    pub fn id(&self) -> CommitId {
        CommitId::of(&self.encode())
    }
}

/// Says what is wrong with the bytes of a commit, if anything is.
///
/// # Errors
/// The first flaw.
#[doc(hidden)]
pub fn check(bytes: &[u8]) -> Read<()> {
    read_commit(bytes).map(drop)
}

/// A ref as it is kept.
pub(crate) fn encode_ref(commit: CommitId) -> [u8; REF_BYTES] {
    let mut bytes = [0; REF_BYTES];
    bytes[..8].copy_from_slice(REF_MAGIC);
    bytes[8..40].copy_from_slice(&commit.0);
    let sum = blake3::hash(&bytes[..40]);
    bytes[40..].copy_from_slice(sum.as_bytes());
    bytes
}

/// The commit that a ref names.
///
/// # Errors
/// A flaw if it is not what was once written.
#[doc(hidden)]
pub fn decode_ref(bytes: &[u8]) -> Read<CommitId> {
    let mut reader = open_sealed(bytes, REF_MAGIC)?;
    let id = CommitId(reader.array()?);
    expect_end(&reader)?;
    Ok(id)
}

/// The list of forgotten commits as it is kept.
///
/// # Panics
/// If they are more than 32 bits can count, which take 128 GiB.
pub(crate) fn encode_forgotten(commits: &BTreeSet<CommitId>) -> Vec<u8> {
    let count = u32::try_from(commits.len()).expect("a set of 128 GiB is in no memory");
    let mut out = FORGOTTEN_MAGIC.to_vec();
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    commits
        .iter()
        .for_each(|commit| out.extend_from_slice(&commit.0));
    let sum = blake3::hash(&out);
    out.extend_from_slice(sum.as_bytes());
    out
}

/// The commits that are forgotten.
///
/// # Errors
/// A flaw if the list is not what was once written.
#[doc(hidden)]
pub fn decode_forgotten(bytes: &[u8]) -> Read<BTreeSet<CommitId>> {
    let mut reader = open_sealed(bytes, FORGOTTEN_MAGIC)?;
    let count = reader.u32()?;
    expect_zeros::<4>(&mut reader)?;
    let mut commits = BTreeSet::new();
    for _ in 0..count {
        let start = reader.clone();
        let commit = CommitId(reader.array()?);
        if commits.last().is_some_and(|last| *last >= commit) {
            return Err(start.flaw("ids are not sorted"));
        }
        commits.insert(commit);
    }
    expect_end(&reader)?;
    Ok(commits)
}

fn read_commit(bytes: &[u8]) -> Read<Commit> {
    let mut reader = Reader::new(bytes);
    expect_magic(&mut reader, COMMIT_MAGIC)?;
    let version = reader.clone();
    if reader.u16()? != VERSION {
        return Err(version.flaw("a version that is not known"));
    }
    expect_zeros::<6>(&mut reader)?;
    let root = NodeRef {
        id: ObjectId(reader.array()?),
        height: read_height(&mut reader)?,
    };
    let parents = read_parents(&mut reader)?;
    let time_ns = reader.i64()?;
    let offset_minutes = read_offset(&mut reader)?;
    let author = read_text(&mut reader)?;
    let message = read_text(&mut reader)?;
    let totals = Totals {
        files: reader.varint()?,
        bytes: reader.varint()?,
    };
    let (new_chunks, new_plain_bytes) = (reader.varint()?, reader.varint()?);
    let stored_bytes = reader.varint()?;
    expect_end(&reader)?;
    Ok(Commit {
        root,
        totals,
        parents,
        time_ns,
        offset_minutes,
        author,
        message,
        new_chunks,
        new_plain_bytes,
        stored_bytes,
    })
}

fn read_parents(reader: &mut Reader<'_>) -> Read<Vec<CommitId>> {
    let start = reader.clone();
    let count = reader.varint()?;
    if count > (reader.remaining() / ID_BYTES) as u64 {
        return Err(start.flaw("a number of parents reaches beyond the end"));
    }
    (0..count).map(|_| Ok(CommitId(reader.array()?))).collect()
}

fn read_offset(reader: &mut Reader<'_>) -> Read<i16> {
    let start = reader.clone();
    let offset_minutes = i16::from_le_bytes(reader.array()?);
    match offset_minutes.unsigned_abs() < MINUTES_PER_DAY {
        true => Ok(offset_minutes),
        false => Err(start.flaw("a time zone is a day or more from UTC")),
    }
}

fn read_text(reader: &mut Reader<'_>) -> Read<String> {
    let start = reader.clone();
    match str::from_utf8(reader.bytes()?) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(start.flaw("a text is no UTF-8")),
    }
}

/// A reader behind the magic of a file that ends with the BLAKE3 of everything before, which is checked.
fn open_sealed<'b>(bytes: &'b [u8], magic: &[u8; 8]) -> Read<Reader<'b>> {
    let short = Reader::new(bytes).flaw("it ends too early");
    let (sealed, sum) = bytes.split_last_chunk::<ID_BYTES>().ok_or(short)?;
    if blake3::hash(sealed) != *sum {
        return Err(Flaw {
            byte_offset: sealed.len(),
            detail: "its checksum is another",
        });
    }
    let mut reader = Reader::new(sealed);
    expect_magic(&mut reader, magic)?;
    Ok(reader)
}

fn expect_magic(reader: &mut Reader<'_>, magic: &[u8; 8]) -> Read<()> {
    let start = reader.clone();
    match reader.array::<8>()? == *magic {
        true => Ok(()),
        false => Err(start.flaw("it begins with the wrong bytes")),
    }
}

fn expect_zeros<const N: usize>(reader: &mut Reader<'_>) -> Read<()> {
    let start = reader.clone();
    match reader.array::<N>()? == [0; N] {
        true => Ok(()),
        false => Err(start.flaw("a reserved byte is not zero")),
    }
}

fn expect_end(reader: &Reader<'_>) -> Read<()> {
    match reader.is_empty() {
        true => Ok(()),
        false => Err(reader.flaw("something stands behind its end")),
    }
}

const COMMIT_MAGIC: &[u8; 8] = b"TAMISCMT";
const REF_MAGIC: &[u8; 8] = b"TAMISREF";
const FORGOTTEN_MAGIC: &[u8; 8] = b"TAMISFGT";
const VERSION: u16 = 1;
const MINUTES_PER_DAY: u16 = 24 * 60;

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::testing::cases;

    fn commits() -> impl Strategy<Value = Commit> {
        let parents = vec(any::<[u8; 32]>().prop_map(CommitId), 0..4);
        let time = (any::<i64>(), -1439..1440i16);
        let root = (any::<[u8; 32]>(), 0..=16u8);
        let texts = (".{0,9}", "(?s).{0,40}");
        (root, parents, time, texts, any::<[u64; 5]>()).prop_map(
            |((id, height), parents, (time_ns, offset_minutes), (author, message), numbers)| {
                let id = ObjectId(id);
                let [files, bytes, new_chunks, new_plain_bytes, stored_bytes] = numbers;
                Commit {
                    root: NodeRef { id, height },
                    totals: Totals { files, bytes },
                    parents,
                    time_ns,
                    offset_minutes,
                    author,
                    message,
                    new_chunks,
                    new_plain_bytes,
                    stored_bytes,
                }
            },
        )
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn commits_read_back(commit in commits()) {
            let bytes = commit.encode();
            prop_assert_eq!(commit.id(), CommitId::of(&bytes));
            prop_assert_eq!(&Commit::decode(&bytes).expect("it was just encoded"), &commit);
            for end in 0..bytes.len() {
                prop_assert!(check(&bytes[..end]).is_err());
            }
            prop_assert!(check(&[&bytes[..], &[0]].concat()).is_err());
        }

        #[test]
        fn a_damaged_commit_is_an_error_or_another(commit in commits(), place: prop::sample::Index, bits in 1..=255u8) {
            let mut bytes = commit.encode();
            *place.get_mut(&mut bytes) ^= bits;
            if let Ok(read) = Commit::decode(&bytes) {
                // Each commit has one form: what can be read is what would be written.
                prop_assert_eq!(read.encode(), bytes);
                prop_assert_ne!(read, commit);
            }
        }

        #[test]
        fn forgotten_commits_read_back(ids in btree_set(any::<[u8; 32]>().prop_map(CommitId), 0..9), place: prop::sample::Index, bits in 1..=255u8) {
            let mut bytes = encode_forgotten(&ids);
            prop_assert_eq!(decode_forgotten(&bytes), Ok(ids));
            *place.get_mut(&mut bytes) ^= bits;
            prop_assert!(decode_forgotten(&bytes).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200)) {
            let _ = (check(&bytes), decode_ref(&bytes), decode_forgotten(&bytes));
            let sealed = [FORGOTTEN_MAGIC, &bytes[..]].concat();
            let sum = blake3::hash(&sealed);
            let _ = decode_forgotten(&[&sealed[..], sum.as_bytes()].concat());
        }
    }

    #[test]
    fn a_ref_names_a_commit_or_nothing() {
        let id = CommitId([7; 32]);
        let bytes = encode_ref(id);
        assert_eq!(decode_ref(&bytes), Ok(id));
        for place in 0..bytes.len() {
            let mut damaged = bytes;
            damaged[place] ^= 1;
            assert!(decode_ref(&damaged).is_err());
            assert!(decode_ref(&bytes[..place]).is_err());
        }
    }

    #[test]
    fn ids_that_are_not_sorted_are_refused_though_the_checksum_holds() {
        let ids = BTreeSet::from([CommitId([1; 32]), CommitId([2; 32])]);
        let bytes = encode_forgotten(&ids);
        let mut sealed = bytes[..bytes.len() - ID_BYTES].to_vec();
        sealed[16..].rotate_left(ID_BYTES);
        let sum = blake3::hash(&sealed);
        sealed.extend_from_slice(sum.as_bytes());
        assert!(decode_forgotten(&sealed).is_err());
    }

    #[test]
    fn a_zone_beyond_a_day_is_refused() {
        let commit = Commit {
            root: NodeRef {
                id: ObjectId([1; 32]),
                height: 0,
            },
            totals: Totals::default(),
            parents: Vec::new(),
            time_ns: 0,
            offset_minutes: 1440,
            author: String::new(),
            message: String::new(),
            new_chunks: 0,
            new_plain_bytes: 0,
            stored_bytes: 0,
        };
        assert!(Commit::decode(&commit.encode()).is_err());
    }
}
