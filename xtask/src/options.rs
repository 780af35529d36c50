//! `--name value` and `--name`, without a crate: xtask is built before everything else.

use std::collections::HashMap;
use std::str::FromStr;

use crate::{Result, USAGE};

/// Options as typed.
#[derive(Debug)]
pub(crate) struct Options(HashMap<String, String>);

impl Options {
    /// Takes the options in `known`; those whose name ends in `?` have no value.
    pub(crate) fn parse(
        mut arguments: impl Iterator<Item = String>,
        known: &[&str],
    ) -> Result<Self> {
        let mut options = HashMap::new();
        while let Some(argument) = arguments.next() {
            let name = argument.strip_prefix("--").unwrap_or_default().to_owned();
            let value = if known.contains(&format!("{name}?").as_str()) {
                Some(String::new())
            } else if known.contains(&name.as_str()) {
                arguments.next()
            } else {
                return Err(format!("unknown argument `{argument}`\n\n{USAGE}"));
            };
            let value = value.ok_or_else(|| format!("`{argument}` needs a value\n\n{USAGE}"))?;
            options.insert(name, value);
        }
        Ok(Self(options))
    }

    /// Whether the option was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The option's text, if given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The option as a number, or `default`.
    pub(crate) fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        let digits = text.replace('_', "");
        digits
            .parse()
            .map_err(|_| format!("`--{name} {text}`: expected a number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options> {
        Options::parse(
            arguments.iter().map(|&text| text.to_owned()),
            &["rows", "peers?"],
        )
    }

    #[test]
    fn options_have_values_or_not() {
        let options = parse(&["--peers", "--rows", "1_000"]).expect("both are known");
        assert!(options.has("peers"));
        assert_eq!(options.number("rows", 5), Ok(1_000));
        assert_eq!(
            parse(&[]).expect("nothing is fine").number("rows", 5),
            Ok(5)
        );
        for wrong in [&["--rows"][..], &["--colour"], &["rows"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
