//! Records that are not in the topic: each is told, with its line. Neighbours that are lost for the same reason share a message.

use crate::Exit;
use crate::kafka::producer::Lost;
use crate::printer::Printer;

use super::super::shown;

/// What was lost so far.
#[derive(Debug)]
pub(super) struct Losses {
    printer: Printer,
    /// Inputs, each with the number of its first record.
    inputs: Vec<(usize, String)>,
    run: Option<Run>,
    pub(super) count: u64,
    worst: Exit,
}

/// Neighbours.
#[derive(Debug)]
struct Run {
    first: usize,
    last: usize,
    reason: String,
}

impl Losses {
    pub(super) fn new(printer: Printer) -> Losses {
        Losses {
            printer,
            inputs: Vec::new(),
            run: None,
            count: 0,
            worst: Exit::Good,
        }
    }

    /// Records from this number on are from that input.
    pub(super) fn begin(&mut self, first: usize, input: &str) {
        let name = match input {
            "-" => "standard input".to_owned(),
            name => format!("`{}`", shown::shown(name)),
        };
        self.inputs.push((first, name));
    }

    /// Takes note of a record.
    pub(super) fn add(&mut self, lost: Lost) {
        self.count += 1;
        self.worst = self.worst.max(match lost.is_of_record {
            true => Exit::Bad,
            false => Exit::Failure,
        });
        let begins_input = self.inputs.iter().any(|(first, _)| *first == lost.number);
        match &mut self.run {
            Some(run)
                if run.last + 1 == lost.number && run.reason == lost.reason && !begins_input =>
            {
                run.last = lost.number;
            }
            _ => {
                self.tell();
                self.run = Some(Run {
                    first: lost.number,
                    last: lost.number,
                    reason: lost.reason,
                });
            }
        }
    }

    /// Whether others would be lost, too.
    pub(super) fn are_hopeless(&self) -> bool {
        self.worst == Exit::Failure
    }

    /// Tells what was kept back to join it with its neighbours.
    pub(super) fn tell(&mut self) {
        let Some(Run {
            first,
            last,
            reason,
        }) = self.run.take()
        else {
            return;
        };
        let mut inputs = self.inputs.iter().rev();
        let input = inputs.find(|(begin, _)| *begin <= first);
        let (begin, name) = input.map_or((0, "the input"), |(begin, name)| (*begin, name));
        let (first, last) = (first - begin + 1, last - begin + 1);
        let lines = match first == last {
            true => format!("line {first}"),
            false => format!("lines {first} to {last}"),
        };
        self.printer.failure(&format!("{name} {lines}: {reason}"));
    }

    /// What they come to.
    pub(super) fn exit(&self) -> Exit {
        self.worst
    }
}
