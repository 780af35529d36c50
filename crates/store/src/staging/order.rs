//! Sorts paths where they are: in the log.
//!
//! Only the places of the records are moved, eight bytes each; the paths are read on the way. A tree is added in about the
//! order of its paths, so the places are long runs that are in order already: a natural merge sort, whose cost is
//! that of a pass per doubling of the runs.
//!
//! Why not `slice::sort_by`: it may panic if the order contradicts itself, and a mapped file that somebody overwrites
//! meanwhile does just that.

use std::cmp::Ordering;

use super::image::View;
use crate::path::tree_order;

/// Sorts the places of records, which were checked before, by the paths that they are about.
pub(super) fn sort_by_path(view: View<'_>, offsets: Vec<u64>) -> Vec<u64> {
    let compare = |left: &[u8], right: &[u8]| tree_order(left, right) != Ordering::Greater;
    let path = |offset: u64| view.path_of_checked(offset);
    let mut ends = runs(&offsets, path, compare);
    let mut sorted = offsets;
    let mut merged = Vec::with_capacity(if ends.len() > 1 { sorted.len() } else { 0 });
    while ends.len() > 1 {
        merged.clear();
        let mut start = 0;
        for pair in ends.chunks(2) {
            let (middle, end) = (pair[0], *pair.last().unwrap_or(&pair[0]));
            let halves = (&sorted[start..middle], &sorted[middle..end]);
            merge(halves, path, compare, &mut merged);
            start = end;
        }
        ends = ends
            .chunks(2)
            .filter_map(|pair| pair.last().copied())
            .collect();
        std::mem::swap(&mut sorted, &mut merged);
    }
    sorted
}

/// Where the runs end that are in order.
fn runs<'b>(
    offsets: &[u64],
    path: impl Fn(u64) -> &'b [u8],
    is_in_order: impl Fn(&[u8], &[u8]) -> bool,
) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut last: Option<&[u8]> = None;
    for (index, &offset) in offsets.iter().enumerate() {
        let next = path(offset);
        if last.is_some_and(|last| !is_in_order(last, next)) {
            ends.push(index);
        }
        last = Some(next);
    }
    ends.push(offsets.len());
    ends
}

/// Appends both halves, which are in order, in order.
fn merge<'b>(
    (mut left, mut right): (&[u64], &[u64]),
    path: impl Fn(u64) -> &'b [u8],
    is_in_order: impl Fn(&[u8], &[u8]) -> bool,
    out: &mut Vec<u64>,
) {
    let first = |half: &[u64]| half.first().map(|&offset| path(offset));
    let (mut left_path, mut right_path) = (first(left), first(right));
    // The path of each is looked up once per pass, not once per comparison.
    while let (Some(left_first), Some(right_first)) = (left_path, right_path) {
        if is_in_order(left_first, right_first) {
            out.push(left[0]);
            left = &left[1..];
            left_path = first(left);
        } else {
            out.push(right[0]);
            right = &right[1..];
            right_path = first(right);
        }
    }
    out.extend_from_slice(left);
    out.extend_from_slice(right);
}
