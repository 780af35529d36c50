//! What became of each of several topics or groups: told, and made an exit code.

use serde_json::Value;

use super::shown;
use crate::args::OutputFormat;
use crate::kafka::admin::{Outcome, Outcomes};
use crate::{Context, Error, Exit, Result};

/// What a verb of several names says.
pub(super) struct Words {
    /// What they are: `topic`.
    pub(super) noun: &'static str,
    /// What was done: `created`.
    pub(super) done: &'static str,
    /// Why nothing had to be done: `exists`.
    pub(super) already: &'static str,
    /// Where that is no good outcome: what is wrong with this name.
    pub(super) refusal: fn(&str) -> String,
    /// And the way out.
    pub(super) hint: &'static str,
}

impl Words {
    /// Tells what became of all; the worst is the exit code. Those with which there was nothing to do are passed over, or refused.
    pub(super) fn tell(
        &self,
        outcomes: Outcomes,
        passes_over: bool,
        format: OutputFormat,
        context: &Context<'_>,
    ) -> Result<Exit> {
        let mut exit = Exit::Good;
        let mut documents = Vec::new();
        for (name, outcome) in outcomes {
            let (word, error) = self.judge(&name, outcome, passes_over);
            let mut document =
                shown::object([("name", name.as_str().into()), ("outcome", word.into())]);
            match &error {
                Some(error) => {
                    exit = exit.max(error.exit());
                    context.printer.error(error);
                    document.insert("message".to_owned(), error.to_string().into());
                }
                None if format == OutputFormat::Text => {
                    let noun = self.noun;
                    let name = shown::shown(&name);
                    context.printer.say(&format!("{noun} `{name}`: {word}"));
                }
                None => {}
            }
            documents.push(Value::from(document));
        }
        if format == OutputFormat::Json {
            let list = format!("{}s", self.noun);
            let document = shown::object([(list.as_str(), documents.into())]);
            shown::document(&context.printer, document)?;
        }
        Ok(exit)
    }

    fn judge(
        &self,
        name: &str,
        outcome: Outcome,
        passes_over: bool,
    ) -> (&'static str, Option<Error>) {
        match outcome {
            Outcome::Failed(error) => ("failed", Some(error.into())),
            Outcome::Already if passes_over => (self.already, None),
            Outcome::Already => {
                let error = Error::Cluster {
                    message: (self.refusal)(&shown::shown(name)),
                    hint: Some(self.hint.to_owned()),
                    exit: Exit::Usage,
                };
                ("failed", Some(error))
            }
            Outcome::Done => (self.done, None),
        }
    }
}

/// Each name once: clusters refuse a request that has one twice.
pub(super) fn once(names: &[String]) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for name in names {
        if !once.contains(name) {
            once.push(name.clone());
        }
    }
    once
}
