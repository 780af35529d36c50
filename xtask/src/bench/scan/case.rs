//! What is done, and how each tool is told to.

/// One line of the tables.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) title: &'static str,
    pub(super) input: Input,
    /// How the answers of the tools are held against each other.
    pub(super) answer: Answer,
    /// Tools and their arguments; ours is the first. `{text}` and its like are the files of [`Data`](super::data::Data), and
    /// `{out}` is the start of a name for what is written. With `|` or `>` it is a line for the shell.
    pub(super) commands: &'static [(&'static str, &'static str)],
}

/// What is read: what a rate is a rate of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Text,
    /// Counted in files.
    Tree,
    /// Counted in files.
    Copies,
    Log,
    /// Five gigabytes.
    Long,
    /// The first bytes of those.
    Start,
}

/// What of an answer must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// All bytes.
    Bytes,
    /// All lines, in any order.
    Lines,
    /// How many lines there are, beside at most so many about the whole.
    LineCount(usize),
    /// The first number; nothing is none.
    Number,
    /// Nothing: each tool has a report, or a way to compress, of its own.
    None,
}

/// In the order of the tables.
pub(super) const CASES: &[Case] = &[
    Case {
        title: "rare literal, `-n`",
        input: Input::Text,
        answer: Answer::Bytes,
        commands: &[
            ("tamis", "search -n sched_setscheduler_nocheck {text}"),
            ("rg", "-n sched_setscheduler_nocheck {text}"),
            ("ugrep", "-n sched_setscheduler_nocheck {text}"),
            ("grep", "-a -n sched_setscheduler_nocheck {text}"),
        ],
    },
    Case {
        title: "rare literal, `-c`",
        input: Input::Text,
        answer: Answer::Number,
        commands: &[
            ("tamis", "search -c sched_setscheduler_nocheck {text}"),
            ("rg", "-c sched_setscheduler_nocheck {text}"),
            ("ugrep", "-c sched_setscheduler_nocheck {text}"),
            ("grep", "-a -c sched_setscheduler_nocheck {text}"),
        ],
    },
    Case {
        title: "without case, `-i -c`",
        input: Input::Text,
        answer: Answer::Number,
        commands: &[
            ("tamis", "search -i -c deadlock {text}"),
            ("rg", "-i -c deadlock {text}"),
            ("ugrep", "-i -c deadlock {text}"),
            ("grep", "-a -i -c deadlock {text}"),
        ],
    },
    Case {
        title: "50 words as a regex, `-c`",
        input: Input::Text,
        answer: Answer::Number,
        commands: &[
            ("tamis", "search -c {fifty} {text}"),
            ("rg", "-c {fifty} {text}"),
            ("ugrep", "-c {fifty} {text}"),
            ("grep", "-a -E -c {fifty} {text}"),
        ],
    },
    Case {
        title: "1000 words, `-F -f -c`",
        input: Input::Text,
        answer: Answer::Number,
        commands: &[
            ("tamis", "search -F -c -f {words} {text}"),
            ("rg", "-F -c -f {words} {text}"),
            ("ugrep", "-F -c -f {words} {text}"),
            ("grep", "-a -F -c -f {words} {text}"),
        ],
    },
    Case {
        title: "common literal, `-c`",
        input: Input::Text,
        answer: Answer::Number,
        commands: &[
            ("tamis", "search -c return {text}"),
            ("rg", "-c return {text}"),
            ("ugrep", "-c return {text}"),
            ("grep", "-a -c return {text}"),
        ],
    },
    Case {
        title: "common literal, `-n`",
        input: Input::Text,
        answer: Answer::Bytes,
        commands: &[
            ("tamis", "search -n return {text}"),
            ("rg", "-n return {text}"),
            ("ugrep", "-n return {text}"),
            ("grep", "-a -n return {text}"),
        ],
    },
    Case {
        title: "classes, `-c '[A-Z][a-z]+_[0-9]{3,}'`",
        input: Input::Text,
        answer: Answer::Number,
        commands: &[
            ("tamis", "search -c [A-Z][a-z]+_[0-9]{3,} {text}"),
            ("rg", "-c [A-Z][a-z]+_[0-9]{3,} {text}"),
            ("ugrep", "-c [A-Z][a-z]+_[0-9]{3,} {text}"),
            ("grep", "-a -E -c [A-Z][a-z]+_[0-9]{3,} {text}"),
        ],
    },
    Case {
        title: "words, `-w -n`",
        input: Input::Text,
        answer: Answer::Bytes,
        commands: &[
            ("tamis", "search -w -n lock {text}"),
            ("rg", "-w -n lock {text}"),
            ("ugrep", "-w -n lock {text}"),
            ("grep", "-a -w -n lock {text}"),
        ],
    },
    Case {
        title: "context, `-n -C3`",
        input: Input::Text,
        answer: Answer::Bytes,
        commands: &[
            ("tamis", "search -n -C3 mutex_lock {text}"),
            ("rg", "-n -C3 mutex_lock {text}"),
            ("ugrep", "-n -C3 mutex_lock {text}"),
            ("grep", "-a -n -C3 mutex_lock {text}"),
        ],
    },
    Case {
        title: "what does not match, `-a -v -n`",
        input: Input::Text,
        answer: Answer::Bytes,
        commands: &[
            ("tamis", "search -a -v -n return {text}"),
            ("rg", "-a -v -n return {text}"),
            ("grep", "-a -v -n return {text}"),
        ],
    },
    Case {
        title: "`--json`",
        input: Input::Text,
        answer: Answer::LineCount(1),
        commands: &[
            ("tamis", "search --json return {text}"),
            ("rg", "--json return {text}"),
        ],
    },
    Case {
        title: "every line, `-c ^`",
        input: Input::Text,
        answer: Answer::Number,
        commands: &[
            ("tamis", "search -c ^ {text}"),
            ("rg", "-c ^ {text}"),
            ("grep", "-a -c ^ {text}"),
        ],
    },
    Case {
        title: "a tree, rare literal, `-n`",
        input: Input::Tree,
        answer: Answer::Lines,
        commands: &[
            (
                "tamis",
                "search -n --no-ignore sched_setscheduler_nocheck {tree}",
            ),
            ("rg", "-n --no-ignore sched_setscheduler_nocheck {tree}"),
        ],
    },
    Case {
        title: "a tree, common literal, `-n`",
        input: Input::Tree,
        answer: Answer::Lines,
        commands: &[
            ("tamis", "search -n --no-ignore mutex_lock {tree}"),
            ("rg", "-n --no-ignore mutex_lock {tree}"),
        ],
    },
    Case {
        title: "a tree, names alone, `-l`",
        input: Input::Tree,
        answer: Answer::Lines,
        commands: &[
            ("tamis", "search -l --no-ignore mutex_lock {tree}"),
            ("rg", "-l --no-ignore mutex_lock {tree}"),
        ],
    },
    Case {
        title: "every line of five gigabytes, `-n`",
        input: Input::Long,
        answer: Answer::None,
        commands: &[
            ("tamis", "search -a -n '.*' {long} > /dev/null"),
            ("rg", "-a -n '.*' {long} > /dev/null"),
        ],
    },
    Case {
        title: "the first of them, `| head -n 1`",
        input: Input::Start,
        answer: Answer::Bytes,
        commands: &[
            ("tamis", "search -a -n '.*' {long} | head -n 1"),
            ("rg", "-a -n '.*' {long} | head -n 1"),
        ],
    },
    Case {
        title: "`count -l`, lines",
        input: Input::Text,
        answer: Answer::Number,
        commands: &[("tamis", "count -l {text}"), ("wc", "-l {text}")],
    },
    Case {
        title: "`count`, lines, words and bytes",
        input: Input::Text,
        answer: Answer::Number,
        commands: &[("tamis", "count {text}"), ("wc", "{text}")],
    },
    Case {
        title: "`logs`, a report of an access log",
        input: Input::Log,
        answer: Answer::None,
        commands: &[
            ("tamis", "logs --json {log}"),
            (
                "goaccess",
                "{log} --log-format=COMBINED --no-global-config --no-progress -o {out}.json",
            ),
        ],
    },
    Case {
        title: "`dupes`, a tree and its copy",
        input: Input::Copies,
        answer: Answer::None,
        commands: &[
            ("tamis", "dupes --no-cache {tree} {copy}"),
            ("jdupes", "-r -q {tree} {copy}"),
        ],
    },
    Case {
        title: "`compress`, lz4",
        input: Input::Text,
        answer: Answer::None,
        commands: &[
            ("tamis", "compress --codec lz4 -c {text} > /dev/null"),
            ("lz4", "-q -1 -c {text} > /dev/null"),
        ],
    },
    Case {
        title: "`compress`, zstd of level 3",
        input: Input::Text,
        answer: Answer::None,
        commands: &[
            ("tamis", "compress --codec zstd -c {text} > /dev/null"),
            ("zstd", "-q -3 -T2 -c {text} > /dev/null"),
        ],
    },
    Case {
        title: "`decompress`, lz4",
        input: Input::Text,
        answer: Answer::None,
        commands: &[
            ("tamis", "decompress -c {text}.lz4 > /dev/null"),
            ("lz4", "-q -d -c {text}.lz4 > /dev/null"),
        ],
    },
    Case {
        title: "`decompress`, zstd",
        input: Input::Text,
        answer: Answer::None,
        commands: &[
            ("tamis", "decompress -c {text}.zst > /dev/null"),
            ("zstd", "-q -d -c {text}.zst > /dev/null"),
        ],
    },
];
