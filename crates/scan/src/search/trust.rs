//! Whether looking for candidates pays, on the text at hand.
//!
//! Every byte passed earns a little, every candidate line that does not match costs a lot. When
//! all is spent, the expression itself is searched for over some distance before candidates are tried
//! again: a text may change its nature in the middle. The distance doubles until all is earned back.

/// What there is to spend at first and at most, in lines.
const LINES: i64 = 256;
/// How far candidates are not tried, the first time: as long as it takes to spend all.
const PAUSE_BYTES: usize = 32 << 10;
/// How far at most.
const PAUSE_BYTES_MAX: usize = 4 << 20;

#[derive(Clone, Debug)]
pub(super) struct Trust {
    /// How many bytes must be passed for each line tried in vain.
    bytes_per_line: i64,
    credit: i64,
    /// How far candidates are not tried any more.
    pause: usize,
    next_pause: usize,
}

impl Trust {
    pub(super) fn new(bytes_per_line: usize) -> Self {
        let bytes_per_line = bytes_per_line as i64;
        Self {
            bytes_per_line,
            credit: LINES * bytes_per_line,
            pause: 0,
            next_pause: PAUSE_BYTES,
        }
    }

    /// Whether to look for candidates now.
    pub(super) fn is_given(&self) -> bool {
        self.pause == 0
    }

    /// So many bytes were searched, by whatever is used now.
    pub(super) fn pass(&mut self, bytes: usize) {
        if self.pause > 0 {
            self.pause = self.pause.saturating_sub(bytes);
            return;
        }
        let most = LINES * self.bytes_per_line;
        self.credit = self.credit.saturating_add(bytes as i64);
        if self.credit > most {
            self.credit = most;
            self.next_pause = PAUSE_BYTES;
        }
    }

    /// A line was tried and does not match.
    pub(super) fn disappoint(&mut self) {
        self.credit -= self.bytes_per_line;
        if self.credit < 0 {
            self.credit = LINES * self.bytes_per_line / 2;
            self.pause = self.next_pause;
            self.next_pause = (self.next_pause * 2).min(PAUSE_BYTES_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_in_every_line_lose_it_for_a_while() {
        let mut trust = Trust::new(200);
        let mut lines = 0;
        while trust.is_given() {
            trust.pass(50);
            trust.disappoint();
            lines += 1;
        }
        assert!((256..400).contains(&lines), "{lines}");
        trust.pass(PAUSE_BYTES - 1);
        assert!(!trust.is_given());
        trust.pass(1);
        assert!(trust.is_given());
    }

    #[test]
    fn rare_candidates_keep_it() {
        let mut trust = Trust::new(200);
        for _ in 0..1000 {
            trust.pass(300);
            trust.disappoint();
            assert!(trust.is_given());
        }
    }
}
