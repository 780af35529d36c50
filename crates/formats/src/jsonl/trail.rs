//! The joints of earlier records, and which one followed which.
//!
//! Records of one file mostly have the same keys in the same order. A joint is learned where it is
//! first parsed, and each remembers the two that followed it last; the last one of a record is followed
//! by the first one of the next. From then on one comparison, or two where a key is left out now and
//! then, replaces reading a comma, a key, a look-up of that key, and a colon. What was learned changes
//! the speed and never the result.

use super::joint::{Joint, Place, Step, WIDTH, parse};
use super::lexer::{Lexer, Stop};
use super::path::Tree;

/// Joints remembered. Where records keep bringing new keys, no more are learned than this from one chunk.
const JOINTS_MAX: usize = 512;

/// How many joints are looked at, beside the two expected ones, before one is parsed. Parsing costs about
/// as much; but it would learn again what is known already, so most records should not get there.
const JOINTS_TRIED: usize = 48;

/// What earlier records had between their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail {
    /// In the order in which they were learned.
    links: Vec<Link>,
    /// The one met last.
    current: usize,
}

/// A joint and the two that followed it last, the latest first.
#[derive(Clone, Debug)]
struct Link {
    joint: Joint,
    followers: [usize; 2],
}

impl Trail {
    /// Forgets everything if there is no more room, so that a new chunk can teach.
    pub(super) fn make_room(&mut self) {
        if self.links.len() >= JOINTS_MAX {
            self.links.clear();
            self.current = 0;
        }
    }

    /// Takes the joint that stands at `at`: the expected one, another known one, or a new one.
    #[inline(always)]
    pub(super) fn step(
        &mut self,
        lexer: &Lexer<'_>,
        tree: &Tree,
        place: Place,
        at: usize,
    ) -> Result<Step, Stop> {
        if let Some(&Link { followers, .. }) = self.links.get(self.current) {
            if let Some(step) = self.try_step(followers[0], lexer, place, at) {
                self.current = followers[0];
                return Ok(step);
            }
            if let Some(step) = self.try_step(followers[1], lexer, place, at) {
                self.follow(followers[1]);
                return Ok(step);
            }
        }
        self.step_aside(lexer, tree, place, at)
    }

    /// Goes over one joint, if it is the one that stands at `at`.
    #[inline(always)]
    fn try_step(
        &self,
        candidate: usize,
        lexer: &Lexer<'_>,
        place: Place,
        at: usize,
    ) -> Option<Step> {
        let link = self.links.get(candidate)?;
        link.joint.step(lexer.text(), place, at)
    }

    /// [`Self::step`] when the joint is not one of the expected two.
    #[inline(never)]
    fn step_aside(
        &mut self,
        lexer: &Lexer<'_>,
        tree: &Tree,
        place: Place,
        at: usize,
    ) -> Result<Step, Stop> {
        let expected = self
            .links
            .get(self.current)
            .map_or(0, |link| link.followers[0]);
        // Forward from there: that several keys in a row are left out is the usual reason.
        let count = self.links.len();
        let mut candidate = expected;
        for _ in 0..count.min(JOINTS_TRIED) {
            candidate = if candidate + 1 < count {
                candidate + 1
            } else {
                0
            };
            if let Some(step) = self.try_step(candidate, lexer, place, at) {
                self.follow(candidate);
                return Ok(step);
            }
        }
        let step = parse(lexer, tree, place, at)?;
        // So near the end of a text nothing is compared, and the joint may well be known.
        if self.links.len() < JOINTS_MAX && at + WIDTH <= lexer.text().len() {
            let learned = self.links.len();
            self.links.push(Link {
                joint: Joint::new(lexer.text(), place, at, step),
                followers: [learned + 1, 0],
            });
            self.follow(learned);
        }
        Ok(step)
    }

    /// Goes on to a joint, and expects it here the next time.
    fn follow(&mut self, link: usize) {
        let current = &mut self.links[self.current];
        current.followers = [link, current.followers[0]];
        self.current = link;
    }
}
