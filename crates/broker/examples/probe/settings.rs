//! `NAME=VALUE` of the commands.

use std::str::FromStr;

use crate::Result;

/// The value of `name` as a number, or `default`.
pub(crate) fn number<T>(settings: &[&str], name: &str, default: T) -> Result<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    for (found, value) in split(settings)? {
        if found == name {
            return Ok(value.parse()?);
        }
    }
    Ok(default)
}

/// The value of `name`, if it is there.
pub(crate) fn text<'a>(settings: &[&'a str], name: &str) -> Result<Option<&'a str>> {
    let found = split(settings)?.into_iter().find(|(it, _)| *it == name);
    Ok(found.map(|(_, value)| value))
}

/// Refuses names that are not `known`.
pub(crate) fn check(settings: &[&str], known: &[&str]) -> Result<()> {
    match split(settings)?
        .into_iter()
        .find(|(name, _)| !known.contains(name))
    {
        Some((name, _)) => Err(format!("there is no setting `{name}`").into()),
        None => Ok(()),
    }
}

/// Names and values.
pub(crate) fn split<'a>(settings: &[&'a str]) -> Result<Vec<(&'a str, &'a str)>> {
    let split = settings.iter().map(|it| it.split_once('='));
    let split: Option<Vec<_>> = split.collect();
    split.ok_or_else(|| "a setting is `NAME=VALUE`".into())
}
