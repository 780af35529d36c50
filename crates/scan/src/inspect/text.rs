//! What was found, for people: a line with the essence, then facts, parts and entries in columns.

use std::fmt::{self, Write};

use tamis_engine::human;

use super::{Facts, Inspection, Listed, Part, Value};

/// What is printed of each file.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// Parts and entries that are printed, of each; more are counted.
    pub limit: usize,
    /// Whether entries are printed.
    pub entries: bool,
}

/// Writes what was found about one file.
///
/// # Errors
/// Those of `out`.
pub fn write(found: &Inspection, options: TextOptions, out: &mut dyn Write) -> fmt::Result {
    write_essence(found, out)?;
    for (name, value) in &found.facts.0 {
        writeln!(out, "  {name:<22}  {}", shown(name, value))?;
    }
    if let Some(kind) = found.kind {
        write_list(kind.part_noun(), &found.parts, options.limit, out)?;
        if let (Some(noun), Some(entries)) = (kind.entry_noun(), &found.entries)
            && options.entries
        {
            write_list(noun, entries, options.limit, out)?;
        }
    }
    match &found.damage {
        Some(damage) => writeln!(out, "  damaged {}", on_one_line(&damage.to_string())),
        None => Ok(()),
    }
}

/// `a.png: PNG image, 640 x 480, 12.3 kB`
fn write_essence(found: &Inspection, out: &mut dyn Write) -> fmt::Result {
    write!(out, "{}: ", on_one_line(&found.file))?;
    match (found.kind, found.bytes) {
        (Some(kind), _) => out.write_str(kind.description())?,
        (None, Some(0)) => out.write_str("empty")?,
        (None, _) => out.write_str("of no kind that is known here")?,
    }
    if let Some(dimensions) = found.dimensions {
        write!(out, ", {} x {}", dimensions.width, dimensions.height)?;
    }
    if let Some(seconds) = found.duration_seconds {
        write!(out, ", {}", duration(seconds))?;
    }
    if let Some(bytes) = found.bytes.filter(|bytes| *bytes > 0) {
        write!(out, ", {}", human::bytes(bytes))?;
    }
    if let Some(codec) = found.packed {
        write!(out, " (in {codec})")?;
    }
    if found.damage.is_some() {
        out.write_str(", damaged")?;
    }
    out.write_str("\n")
}

/// `4.20 s`, `1:02:03`.
fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.2} s");
    }
    // A duration beyond 64 bits of seconds is as wrong as it looks.
    let whole = seconds.round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        hours => format!("{}:{minutes:02}:{seconds:02}", human::count(hours)),
    }
}

fn write_list(noun: &str, list: &Listed, limit: usize, out: &mut dyn Write) -> fmt::Result {
    let title = plural(noun, list.count);
    if list.count == 0 {
        return writeln!(out, "  no {title}");
    }
    writeln!(out, "  {} {title}", human::count(list.count))?;
    let shown = &list.listed[..limit.min(list.listed.len())];
    if shown.is_empty() {
        return Ok(());
    }
    let width = |title: &str, value: fn(&Part) -> u64| {
        let widths = shown.iter().map(|part| human::count(value(part)).len());
        widths.fold(title.len(), usize::max)
    };
    let offset_width = width("offset", |part| part.offset);
    let bytes_width = width("bytes", |part| part.bytes);
    writeln!(
        out,
        "    {:>offset_width$}  {:>bytes_width$}  name",
        "offset", "bytes"
    )?;
    for part in shown {
        let (offset, bytes) = (human::count(part.offset), human::count(part.bytes));
        let name = on_one_line(&part.name);
        write!(
            out,
            "    {offset:>offset_width$}  {bytes:>bytes_width$}  {name}"
        )?;
        write_facts(&part.facts, out)?;
        out.write_str("\n")?;
    }
    match list.count - shown.len() as u64 {
        0 => Ok(()),
        more => {
            let indent = offset_width + bytes_width + 2;
            writeln!(out, "    {:indent$}  and {} more", "", human::count(more))
        }
    }
}

/// `  (method deflate, modified 2024-01-31T10:20:30)`
fn write_facts(facts: &Facts, out: &mut dyn Write) -> fmt::Result {
    let mut before = "  (";
    for (name, value) in &facts.0 {
        write!(out, "{before}{name} {}", shown(name, value))?;
        before = ", ";
    }
    if facts.0.is_empty() {
        Ok(())
    } else {
        out.write_str(")")
    }
}

fn shown(name: &str, value: &Value) -> String {
    match value {
        // Versions and numbers of things are no counts.
        Value::Count(value) if name.ends_with("version") => value.to_string(),
        Value::Count(value) => human::count(*value),
        Value::Number(value) => format!("{value:.2}"),
        Value::Flag(true) => "yes".to_owned(),
        Value::Flag(false) => "no".to_owned(),
        Value::Text(text) => on_one_line(text),
    }
}

fn plural(noun: &str, count: u64) -> String {
    match noun {
        _ if count == 1 => noun.to_owned(),
        "box" => "boxes".to_owned(),
        "entry" => "entries".to_owned(),
        noun => format!("{noun}s"),
    }
}

/// Text from outside on one line, with control characters and what turns the direction of writing escaped: a name must
/// not reach the terminal as a command.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        let is_mark = matches!(character, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match character.is_control() || is_mark {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_reach_the_terminal() {
        assert_eq!(
            on_one_line("a\x1b[2J\n\u{202e}b"),
            "a\\u{1b}[2J\\n\\u{202e}b"
        );
        assert_eq!(on_one_line("café 日本"), "café 日本");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(4.2), "4.20 s");
        assert_eq!(duration(62.0), "1:02");
        assert_eq!(duration(3723.4), "1:02:03");
    }
}
