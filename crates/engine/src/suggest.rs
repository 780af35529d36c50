//! "Did you mean": the known word nearest to an unknown one.

/// The word of `known` that `word` is most likely a misspelling of.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Nobody misspells a word of this length; and the work below grows with it.
    if word.len() > 64 {
        return None;
    }
    let candidates = known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate));
    let (distance, nearest) = candidates.min_by_key(|&(distance, _)| distance)?;
    (distance <= 1 + nearest.len() / 5).then_some(nearest)
}

/// Edit distance, whatever the case of the letters, where swapping neighbours counts as one edit.
fn distance(a: &str, b: &str) -> usize {
    let a = a.to_ascii_lowercase().into_bytes();
    let b = b.to_ascii_lowercase().into_bytes();
    // Rows of the classic table: two rows back, one row back, and the one being filled.
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, &to) in b.iter().enumerate() {
            row[j + 1] = (last[j] + usize::from(from != to))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_find_their_word() {
        let known = ["minimum", "maximum", "minLength", "name"];
        assert_eq!(nearest("minimun", known), Some("minimum"));
        assert_eq!(nearest("minlenght", known), Some("minLength"));
        assert_eq!(nearest("nmae", known), Some("name"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("x", []), None);
    }
}
