//! What became of each of several topics or groups: told, and made an exit code.

use serde_json::Value;

use super::shown;
use crate::args::OutputFormat;
use crate::kafka::admin::{Outcome, Outcomes};
use crate::{Context, Error, Exit, Result};

/// How outcomes are told.
pub(super) struct Telling<'a> {
    /// What they are: `topic`.
    pub(super) noun: &'static str,
    /// What was done: `created`.
    pub(super) done: &'static str,
    /// Why nothing had to be done: `exists`.
    pub(super) already: &'static str,
    /// What is to be told where that is no good outcome; `None` where it is.
    pub(super) refusal: Option<&'a dyn Fn(&str) -> Error>,
    pub(super) format: OutputFormat,
}

impl Telling<'_> {
    /// Tells all of them; the worst is the exit code.
    pub(super) fn tell(&self, outcomes: Outcomes, context: &Context<'_>) -> Result<Exit> {
        let mut exit = Exit::Good;
        let mut documents = Vec::new();
        for (name, outcome) in outcomes {
            let (word, error) = self.judge(&name, outcome);
            let mut document =
                shown::object([("name", name.as_str().into()), ("outcome", word.into())]);
            match &error {
                Some(error) => {
                    exit = exit.max(error.exit());
                    context.printer.error(error);
                    document.insert("message".to_owned(), error.to_string().into());
                }
                None if self.format == OutputFormat::Text => {
                    let noun = self.noun;
                    let name = shown::shown(&name);
                    context.printer.say(&format!("{noun} `{name}`: {word}"));
                }
                None => {}
            }
            documents.push(Value::from(document));
        }
        if self.format == OutputFormat::Json {
            let list = format!("{}s", self.noun);
            let document = shown::object([(list.as_str(), documents.into())]);
            shown::document(&context.printer, document)?;
        }
        Ok(exit)
    }

    fn judge(&self, name: &str, outcome: Outcome) -> (&'static str, Option<Error>) {
        match (outcome, self.refusal) {
            (Outcome::Failed(error), _) => ("failed", Some(error)),
            (Outcome::Already, Some(refusal)) => ("failed", Some(refusal(name))),
            (Outcome::Already, None) => (self.already, None),
            (Outcome::Done, _) => (self.done, None),
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
