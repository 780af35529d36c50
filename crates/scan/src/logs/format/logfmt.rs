//! logfmt: `level=info msg="stopping all fetchers" tag=stopping_fetchers id=ConsumerFetcherManager-1382721708341`.
//!
//! There is no standard; this is what Heroku's logs, Go's `logrus` and `slog` and `kr/logfmt` agree on: words between
//! spaces, each a name, perhaps with `=` and a value, which stands in quotes when it holds spaces. Words without `=`
//! are names without a value. A line without a single value is no record.

use memchr::memchr;

use super::json::{Named, Record, Value, quoted};
use crate::logs::event::Event;

/// The record in a line.
pub(super) fn parse<'l>(named: &mut Named, line: &'l [u8]) -> Option<Event<'l>> {
    let mut record = Record::default();
    let mut has_value = false;
    named.start();
    for word in Words(line) {
        let word = word?;
        if let Some(value) = word.value {
            has_value = true;
            named.field(word.name, value, &mut record);
        }
    }
    has_value.then_some(record.event)
}

/// Whether a record begins like this: with a name and `=`.
pub(super) fn begins(line: &[u8]) -> bool {
    let name = line.iter().take_while(|byte| is_of_name(**byte)).count();
    name > 0 && line.get(name) == Some(&b'=')
}

/// Whether a line is nothing but names with values, two at least: fewer may be chance.
pub(super) fn is_certain(line: &[u8]) -> bool {
    let mut count = 0;
    let all = Words(line).all(|word| {
        count += 1;
        word.is_some_and(|word| word.value.is_some())
    });
    all && count >= 2
}

struct Word<'l> {
    name: &'l [u8],
    value: Option<Value<'l>>,
}

/// The words of a line; `None` where one is none, which is the last then.
struct Words<'l>(&'l [u8]);

impl<'l> Iterator for Words<'l> {
    type Item = Option<Word<'l>>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.trim_ascii();
        if rest.is_empty() {
            return None;
        }
        let word = word(rest);
        self.0 = word.as_ref().map_or(b"", |(_, behind)| behind);
        Some(word.map(|(word, _)| word))
    }
}

fn word(text: &[u8]) -> Option<(Word<'_>, &[u8])> {
    let end = text.iter().take_while(|byte| is_of_name(**byte)).count();
    let (name, behind) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    let value = match behind {
        [] | [b' ' | b'\t', ..] => return Some((Word { name, value: None }, behind)),
        [b'=', value @ ..] => value,
        _ => return None,
    };
    let (value, behind) = match value.split_first() {
        Some((b'"', inside)) => {
            let (text, behind) = quoted(inside)?;
            (Value::Text(text), behind)
        }
        _ => {
            let end = memchr(b' ', value).unwrap_or(value.len());
            (Value::Bare(&value[..end]), &value[end..])
        }
    };
    let value = Some(value);
    Some((Word { name, value }, behind))
}

fn is_of_name(byte: u8) -> bool {
    byte > b' ' && !matches!(byte, b'=' | b'"' | 0x7f)
}
