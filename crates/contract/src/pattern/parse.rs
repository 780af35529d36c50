//! The grammar of patterns: ECMA-262 text to the syntax tree the automata are built from.
//!
//! We parse the text ourselves rather than hand it to a crate with a dialect of its own, because
//! the differences are quiet ones: `[` and `&&` inside a class, `.` and line separators, `\d`
//! beyond ASCII, `[^]`. It also gives every error the exact bytes at fault.
//!
//! ```text
//! alternation = sequence ("|" sequence)*
//! sequence    = (atom quantifier?)*
//! atom        = "^" | "$" | "." | class | escape | "(" group ")" | character
//! quantifier  = ("*" | "+" | "?" | "{n}" | "{n,}" | "{n,m}") "?"?
//! ```

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, Look, Repetition};

use super::{PatternError, class};

/// Groups inside groups: more than anybody writes, few enough for the stack.
const MAX_DEPTH: usize = 50;
/// Largest count in a quantifier; beyond it no automaton would fit its size limit.
const MAX_REPEAT: u32 = 65_535;

/// Parses a whole pattern.
pub(super) fn parse(pattern: &str) -> Result<Hir, PatternError> {
    let mut parser = Parser {
        pattern,
        at: 0,
        depth: 0,
        ignore_case: false,
    };
    let hir = parser.alternation()?;
    match parser.peek() {
        None => Ok(hir),
        Some(_) => Err(parser.error(
            parser.at,
            "`)` closes nothing",
            Some(r"write `\)` to mean the character"),
        )),
    }
}

/// A place in the pattern.
pub(super) struct Parser<'p> {
    pub(super) pattern: &'p str,
    pub(super) at: usize,
    depth: usize,
    ignore_case: bool,
}

/// Whether a group goes on after its opening.
#[derive(PartialEq, Eq)]
enum Body {
    Follows,
    None,
}

impl<'p> Parser<'p> {
    fn alternation(&mut self) -> Result<Hir, PatternError> {
        let mut branches = vec![self.sequence()?];
        while self.take('|') {
            branches.push(self.sequence()?);
        }
        Ok(Hir::alternation(branches))
    }

    fn sequence(&mut self) -> Result<Hir, PatternError> {
        let mut terms = Vec::new();
        while let Some(next) = self.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            let atom = self.atom(next)?;
            terms.push(self.quantified(atom)?);
        }
        Ok(Hir::concat(terms))
    }

    fn atom(&mut self, first: char) -> Result<Hir, PatternError> {
        let start = self.at;
        self.at += first.len_utf8();
        match first {
            '^' => Ok(Hir::look(Look::Start)),
            '$' => Ok(Hir::look(Look::End)),
            '.' => Ok(Hir::class(Class::Unicode(class::any_but_line_ends()))),
            '[' => class::parse(self, start).map(|class| self.folded(class)),
            '\\' => self.escape(start),
            '(' => self.group(start),
            '*' | '+' | '?' => Err(self.error(
                start,
                "there is nothing to repeat here",
                Some("escape it with `\\` to mean the character"),
            )),
            '{' => Err(self.error(
                start,
                "`{` opens no quantifier here",
                Some(r"write `\{` to mean the character"),
            )),
            character => Ok(self.character(character)),
        }
    }

    /// A group; its opening parenthesis has been read. Groups only group here: nothing is captured.
    fn group(&mut self, start: usize) -> Result<Hir, PatternError> {
        let outer_ignore_case = self.ignore_case;
        if self.take('?') {
            let lookaround = ["=", "!", "<=", "<!"]
                .iter()
                .find(|kind| self.rest().starts_with(**kind));
            if let Some(kind) = lookaround {
                self.at += kind.len();
                let help = "a value is matched in one pass; say it without looking ahead or behind, for example with a second rule \
                            (quality metric `invalidValues` with its own `pattern`)";
                return Err(self.error(start, "lookaround is not supported", Some(help)));
            }
            if self.group_opening(start)? == Body::None {
                // `(?i)` holds to the end of the group around it, so the outer flag is not restored.
                return Ok(Hir::empty());
            }
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(start, "groups are nested too deeply", None));
        }
        let inner = self.alternation()?;
        self.depth -= 1;
        if !self.take(')') {
            self.at = start + 1;
            return Err(self.error(
                start,
                "`(` is never closed",
                Some(r"write `\(` to mean the character"),
            ));
        }
        self.ignore_case = outer_ignore_case;
        Ok(inner)
    }

    /// Reads what stands between `(?` and the body of a group.
    fn group_opening(&mut self, start: usize) -> Result<Body, PatternError> {
        if self.take(':') {
            return Ok(Body::Follows);
        }
        if self.take('i') {
            self.ignore_case = true;
            return match () {
                () if self.take(':') => Ok(Body::Follows),
                () if self.take(')') => Ok(Body::None),
                () => Err(self.error(start, "only the flag `i` is supported", None)),
            };
        }
        // Python and older Rust write `(?P<name>`.
        self.take('P');
        let name = self
            .rest()
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
            .map(|(name, _)| name);
        match name {
            Some(name)
                if !name.is_empty()
                    && name
                        .chars()
                        .all(|letter| letter.is_alphanumeric() || letter == '_') =>
            {
                self.at += name.len() + 2;
                Ok(Body::Follows)
            }
            _ => Err(self.error(
                start,
                "this kind of group is not supported",
                Some("write `(?:...)` for a plain group"),
            )),
        }
    }

    /// A quantifier after `atom`, if there is one.
    fn quantified(&mut self, atom: Hir) -> Result<Hir, PatternError> {
        let start = self.at;
        let (min, max) = match self.peek() {
            Some('{') => self.counts()?,
            _ if self.take('*') => (0, None),
            _ if self.take('+') => (1, None),
            _ if self.take('?') => (0, Some(1)),
            _ => return Ok(atom),
        };
        // Lazy or greedy: whether there is a match is the same.
        self.take('?');
        if self.rest().starts_with(['*', '+', '?', '{']) {
            self.at += 1;
            return Err(self.error(
                start,
                "a quantifier cannot be repeated",
                Some("put the first one in a group: `(?:a+)*`"),
            ));
        }
        Ok(Hir::repetition(Repetition {
            min,
            max,
            greedy: true,
            sub: Box::new(atom),
        }))
    }

    /// The counts between braces; the opening brace is next.
    fn counts(&mut self) -> Result<(u32, Option<u32>), PatternError> {
        let start = self.at;
        let Some((inside, _)) = self.rest()[1..].split_once('}') else {
            self.at += 1;
            return Err(self.error(
                start,
                "`{` opens no quantifier here",
                Some(r"write `\{` to mean the character"),
            ));
        };
        self.at += inside.len() + 2;
        let (min, max) = inside.split_once(',').unwrap_or((inside, inside));
        let number =
            |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
                true => Ok(text
                    .parse::<u32>()
                    .ok()
                    .filter(|&count| count <= MAX_REPEAT)),
                false => Err(self.error(
                    start,
                    "expected `{n}`, `{n,}` or `{n,m}`",
                    Some(r"write `\{` to mean the character"),
                )),
            };
        let too_many = || self.error(start, "more than 65535 repetitions", None);
        let min = number(min)?.ok_or_else(too_many)?;
        let max = match max {
            "" => None,
            max => Some(number(max)?.ok_or_else(too_many)?),
        };
        match max {
            Some(max) if max < min => Err(self.error(start, "the smaller count comes first", None)),
            max => Ok((min, max)),
        }
    }

    /// An escape outside a class; its backslash, at `start`, has been read.
    fn escape(&mut self, start: usize) -> Result<Hir, PatternError> {
        match self.peek() {
            Some('b') => {
                self.at += 1;
                Ok(Hir::look(Look::WordAscii))
            }
            Some('B') => {
                self.at += 1;
                Ok(Hir::look(Look::WordAsciiNegate))
            }
            Some('1'..='9' | 'k') => {
                self.at += 1;
                let help =
                    "a value is matched in one pass, which cannot remember what a group matched";
                Err(self.error(start, "back-references are not supported", Some(help)))
            }
            Some('A' | 'z' | 'Z') => {
                self.at += 1;
                Err(self.error(
                    start,
                    "not an anchor of this dialect",
                    Some("use `^` for the start and `$` for the end of the value"),
                ))
            }
            _ => class::escape(self, start).map(|class| self.folded(class)),
        }
    }

    /// One character, or both its cases.
    fn character(&self, character: char) -> Hir {
        match self.ignore_case {
            false => Hir::literal(character.to_string().into_bytes()),
            true => self.folded(ClassUnicode::new([ClassUnicodeRange::new(
                character, character,
            )])),
        }
    }

    fn folded(&self, mut class: ClassUnicode) -> Hir {
        if self.ignore_case {
            class.case_fold_simple();
        }
        Hir::class(Class::Unicode(class))
    }

    pub(super) fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes past `wanted` if it is next.
    pub(super) fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// An error about what lies between `start` and the current place (at least one character).
    pub(super) fn error(&self, start: usize, message: &str, help: Option<&str>) -> PatternError {
        let one = self.pattern[start..]
            .chars()
            .next()
            .map_or(0, char::len_utf8);
        PatternError {
            span: start..self.at.max(start + one),
            message: message.to_owned(),
            help: help.map(str::to_owned),
        }
    }
}
