//! The columns of JSON lines, as a tree of members: found chunk by chunk, united in input order.
//!
//! No record says which members others have. So each chunk is asked for its own paths first, then parsed for
//! these; here the columns of all chunks come together. A member that some chunk does not have is missing in
//! its rows, which is what counting values alone amounts to.

use std::collections::HashMap;

use tamis_engine::kernel::Kernel;
use tamis_formats::jsonl::{Path, discover};

use super::column::Column;

/// More different keys than this are data and not a schema (a map by user id, say), and remembering
/// them all would take memory without a bound. Objects and their members both count.
pub(crate) const KEYS_MAX: usize = 10_000;

/// How deep members of members are described; an object further down is an object. A contract may not
/// be nested without end either.
pub(super) const DEPTH_MAX: usize = 16;

/// A member and its members.
#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) column: Column,
    /// In the order of their first appearance.
    pub(super) members: Vec<Member>,
    positions: HashMap<String, usize>,
}

/// All paths in the records of `bytes`, those to objects included, each before those inside it; `None`
/// if they are more than [`KEYS_MAX`].
pub(crate) fn paths_of(bytes: &[u8], kernel: Kernel) -> Option<Vec<Path>> {
    let found = discover(bytes, KEYS_MAX, kernel);
    if !found.is_complete {
        return None;
    }
    let mut root = Member::default();
    for (path, _) in &found.fields {
        root.insert(path.keys(), &mut 0);
    }
    let mut paths = Vec::new();
    root.list(&mut Vec::new(), &mut paths);
    Some(paths)
}

/// The order in which columns stand as the members of objects, for columns in the order in which chunks brought them: siblings by
/// their first appearance, and what is inside an object together. Where chunks begin does not show in it.
///
/// A column is the keys to it and how many columns with the same keys stand before it.
pub(crate) fn tree_order(columns: &[(&[String], usize)]) -> Vec<usize> {
    fn levels((keys, repetition): (&[String], usize)) -> impl Iterator<Item = (&[String], usize)> {
        (1..=keys.len())
            .map(move |len| (&keys[..len], if len == keys.len() { repetition } else { 0 }))
    }
    let mut firsts = HashMap::new();
    for (at, &column) in columns.iter().enumerate() {
        for level in levels(column) {
            firsts.entry(level).or_insert(at);
        }
    }
    let place =
        |&at: &usize| -> Vec<usize> { levels(columns[at]).map(|level| firsts[&level]).collect() };
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_cached_key(place);
    order
}

impl Member {
    /// The member at `keys`, made if need be, and counted then; keys too deep lead to the deepest that is described.
    pub(super) fn insert(&mut self, keys: &[String], created: &mut usize) -> &mut Member {
        let mut member = self;
        for key in keys.iter().take(DEPTH_MAX) {
            let position = match member.positions.get(key) {
                Some(&position) => position,
                None => {
                    *created += 1;
                    let position = member.members.len();
                    member.positions.insert(key.clone(), position);
                    member.members.push(Member {
                        key: key.clone(),
                        ..Member::default()
                    });
                    position
                }
            };
            member = &mut member.members[position];
        }
        member
    }

    fn list(&self, keys: &mut Vec<String>, paths: &mut Vec<Path>) {
        for member in &self.members {
            keys.push(member.key.clone());
            paths.push(Path::new(keys.iter().cloned()));
            member.list(keys, paths);
            keys.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_come_before_their_members() {
        let text = br#"{"a":{"b":1},"c":2}
{"a":{"x":{"y":[]}},"d":null}"#;
        let paths = paths_of(text, Kernel::detect()).unwrap();
        let texts: Vec<String> = paths.iter().map(Path::to_string).collect();
        assert_eq!(texts, ["a", "a.b", "a.x", "a.x.y", "c", "d"]);
    }

    #[test]
    fn columns_stand_as_in_one_chunk() {
        let keys = |path: &str| path.split('.').map(str::to_owned).collect::<Vec<_>>();
        let paths = ["b", "c", "d.x", "b.x", "a", "d.y", "b.x.y", "c"].map(keys);
        let mut columns: Vec<(&[String], usize)> =
            paths.iter().map(|path| (&path[..], 0)).collect();
        // The second column of the name in a header.
        columns[7].1 = 1;
        assert_eq!(tree_order(&columns), [0, 3, 6, 1, 2, 5, 4, 7]);
    }

    #[test]
    fn depth_and_number_of_keys_are_bounded() {
        let deep = format!("{}1{}", "{\"a\":".repeat(20), "}".repeat(20));
        assert_eq!(
            paths_of(deep.as_bytes(), Kernel::detect()).unwrap().len(),
            DEPTH_MAX
        );
        let keys: Vec<String> = (0..=KEYS_MAX).map(|key| format!("\"{key}\":1")).collect();
        let wide = format!("{{{}}}", keys.join(","));
        assert_eq!(paths_of(wide.as_bytes(), Kernel::detect()), None);
    }
}
