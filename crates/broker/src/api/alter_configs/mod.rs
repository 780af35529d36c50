//! `AlterConfigs`, which puts settings in place of all those a topic has, and `IncrementalAlterConfigs`, which changes some of them.
//!
//! Of one topic all is changed or nothing. The broker itself is set when it is started, and by no request.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::alter_configs_request as all;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse as Replaced;
use kafka_protocol::messages::incremental_alter_configs_request as some;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as Changed;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::describe_configs::{BROKER, TOPIC, check_broker, unknown_type};
use super::{Answer, Asked, Context, Refused, Said, said};
use crate::log::LogConfig;
use crate::topics::{Edit, Settings, check_name};
use crate::{Error, Result};

/// What becomes of a setting (Kafka, `AlterConfigOp.OpType`).
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// A change to one setting.
enum Change<'c> {
    Set(&'c str, &'c str),
    Unset(&'c str),
    Edit(&'c str, Edit, &'c str),
}

pub(super) fn replace(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: AlterConfigsRequest = asked.read()?;
    let counts = counts(
        request
            .resources
            .iter()
            .map(|it| (it.resource_type, &it.resource_name)),
    );
    let responses = request.resources.iter().map(|it| {
        let is_repeated = counts[&(it.resource_type, &it.resource_name)] > 1;
        let replaced = settings_of(it).and_then(|changes| {
            let resource = (it.resource_type, &*it.resource_name);
            let start = |_: &Settings| Settings::default();
            alter(
                context,
                resource,
                is_repeated,
                &changes,
                start,
                request.validate_only,
            )
        });
        let response = Replaced::default()
            .with_resource_type(it.resource_type)
            .with_resource_name(it.resource_name.clone());
        match replaced {
            Ok(()) => response.with_error_message(None),
            Err((error, message)) => response
                .with_error_code(error.code())
                .with_error_message(message.map(StrBytes::from_string)),
        }
    });
    let response = AlterConfigsResponse::default().with_responses(responses.collect());
    asked.reply::<AlterConfigsRequest>(&response)
}

pub(super) fn change(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: IncrementalAlterConfigsRequest = asked.read()?;
    let counts = counts(
        request
            .resources
            .iter()
            .map(|it| (it.resource_type, &it.resource_name)),
    );
    let responses = request.resources.iter().map(|it| {
        let is_repeated = counts[&(it.resource_type, &it.resource_name)] > 1;
        let changed = changes_of(it).and_then(|changes| {
            let resource = (it.resource_type, &*it.resource_name);
            alter(
                context,
                resource,
                is_repeated,
                &changes,
                Settings::clone,
                request.validate_only,
            )
        });
        let response = Changed::default()
            .with_resource_type(it.resource_type)
            .with_resource_name(it.resource_name.clone());
        match changed {
            Ok(()) => response.with_error_message(None),
            Err((error, message)) => response
                .with_error_code(error.code())
                .with_error_message(message.map(StrBytes::from_string)),
        }
    });
    let response = IncrementalAlterConfigsResponse::default().with_responses(responses.collect());
    asked.reply::<IncrementalAlterConfigsRequest>(&response)
}

/// How often each resource is named.
fn counts<'r>(
    named: impl Iterator<Item = (i8, &'r StrBytes)>,
) -> HashMap<(i8, &'r StrBytes), usize> {
    let mut counts = HashMap::new();
    for resource in named {
        *counts.entry(resource).or_insert(0) += 1;
    }
    counts
}

fn invalid(message: String) -> Said {
    (ResponseError::InvalidRequest, Some(message))
}

fn settings_of(resource: &all::AlterConfigsResource) -> Result<Vec<Change<'_>>, Said> {
    let configs = resource.configs.iter();
    let changes = configs.map(|it| Ok(Change::Set(&it.name, value(&it.name, it.value.as_ref())?)));
    once_each(changes.collect::<Result<_, Said>>()?)
}

fn changes_of(resource: &some::AlterConfigsResource) -> Result<Vec<Change<'_>>, Said> {
    let changes = resource.configs.iter().map(|it| {
        let value = || value(&it.name, it.value.as_ref());
        Ok(match it.config_operation {
            SET => Change::Set(&it.name, value()?),
            DELETE => Change::Unset(&it.name),
            APPEND => Change::Edit(&it.name, Edit::Append, value()?),
            SUBTRACT => Change::Edit(&it.name, Edit::Subtract, value()?),
            other => {
                return Err(invalid(format!(
                    "operation {other} on `{}` is none of {SET} to {SUBTRACT}",
                    &*it.name
                )));
            }
        })
    });
    once_each(changes.collect::<Result<_, Said>>()?)
}

fn value<'v>(name: &str, value: Option<&'v StrBytes>) -> Result<&'v str, Said> {
    let value = value.ok_or_else(|| invalid(format!("`{name}` is given no value")))?;
    Ok(value)
}

/// Whoever says two things of one setting says nothing.
fn once_each(changes: Vec<Change<'_>>) -> Result<Vec<Change<'_>>, Said> {
    let mut seen = HashSet::new();
    for change in &changes {
        let (Change::Set(name, _) | Change::Unset(name) | Change::Edit(name, ..)) = change;
        if !seen.insert(*name) {
            return Err(invalid(format!("`{name}` is named more than once")));
        }
    }
    Ok(changes)
}

/// Changes what `start` makes of the settings that a resource has.
fn alter(
    context: &Context,
    (resource_type, name): (i8, &str),
    is_repeated: bool,
    changes: &[Change<'_>],
    start: impl Fn(&Settings) -> Settings,
    is_trial: bool,
) -> Result<(), Said> {
    if is_repeated {
        return Err(invalid("it is named more than once".to_owned()));
    }
    match resource_type {
        TOPIC => check_name(name).map_err(|it| said(it.into()))?,
        BROKER => {
            check_broker(name)?;
            return match changes {
                [] => Ok(()),
                _ => Err((
                    ResponseError::InvalidConfig,
                    Some("the broker is set when it is started, and by no request".to_owned()),
                )),
            };
        }
        other => return Err(unknown_type(other)),
    }
    let topics = &context.broker.topics;
    let change = |settings: &mut Settings| {
        *settings = apply(changes, start(settings), topics.defaults())?;
        Ok(())
    };
    if !is_trial {
        return topics.configure(name, change).map_err(said);
    }
    let topic = topics.topic(name);
    let topic = topic.ok_or_else(|| said(Error::UnknownTopic(name.to_owned())))?;
    change(&mut Settings::clone(&topic.settings())).map_err(said)
}

fn apply(changes: &[Change<'_>], start: Settings, defaults: &LogConfig) -> Result<Settings> {
    let mut settings = start;
    for change in changes {
        match *change {
            Change::Set(name, value) => settings.set(name, value)?,
            Change::Unset(name) => settings.unset(name)?,
            Change::Edit(name, edit, value) => {
                let config = settings.apply(defaults);
                settings.edit(name, &config, edit, value)?;
            }
        }
    }
    settings.check()?;
    Ok(settings)
}
