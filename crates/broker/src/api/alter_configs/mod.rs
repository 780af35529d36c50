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
use super::{Answer, Asked, Context, Refused, Said, said, told};
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

/// What either request says of one topic or broker, and how it is told what became of that.
trait Resource {
    /// What it is told.
    type Response;

    /// Its type and its name.
    fn named(&self) -> (i8, &StrBytes);

    /// What is to be changed of what [`Resource::start`] makes of the settings it has.
    fn changes(&self) -> Result<Vec<Change<'_>>, Said>;

    /// With what changes begin.
    fn start(settings: &Settings) -> Settings;

    /// What it is told: an error and a text, or neither.
    fn response(&self, error_code: i16, message: Option<StrBytes>) -> Self::Response;
}

pub(super) fn replace(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: AlterConfigsRequest = asked.read()?;
    let responses = alter_all(context, &request.resources, request.validate_only);
    let response = AlterConfigsResponse::default().with_responses(responses);
    asked.reply::<AlterConfigsRequest>(&response)
}

pub(super) fn change(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: IncrementalAlterConfigsRequest = asked.read()?;
    let responses = alter_all(context, &request.resources, request.validate_only);
    let response = IncrementalAlterConfigsResponse::default().with_responses(responses);
    asked.reply::<IncrementalAlterConfigsRequest>(&response)
}

fn alter_all<R: Resource>(context: &Context, resources: &[R], is_trial: bool) -> Vec<R::Response> {
    let counts = counts(resources.iter().map(Resource::named));
    let responses = resources.iter().map(|it| {
        let altered = match counts[&it.named()] {
            1 => alter(context, it, is_trial),
            _ => Err(invalid("it is named more than once".to_owned())),
        };
        match altered {
            Ok(()) => it.response(0, None),
            Err((error, message)) => it.response(error.code(), told(message)),
        }
    });
    responses.collect()
}

impl Resource for all::AlterConfigsResource {
    type Response = Replaced;

    fn named(&self) -> (i8, &StrBytes) {
        (self.resource_type, &self.resource_name)
    }

    fn changes(&self) -> Result<Vec<Change<'_>>, Said> {
        let configs = self.configs.iter();
        let set = |name, given| Ok(Change::Set(name, value(name, given)?));
        let changes = configs.map(|it| set(&it.name, it.value.as_ref()));
        once_each(changes.collect::<Result<_, Said>>()?)
    }

    fn start(settings: &Settings) -> Settings {
        settings.cleared()
    }

    fn response(&self, error_code: i16, message: Option<StrBytes>) -> Replaced {
        Replaced::default()
            .with_resource_type(self.resource_type)
            .with_resource_name(self.resource_name.clone())
            .with_error_code(error_code)
            .with_error_message(message)
    }
}

impl Resource for some::AlterConfigsResource {
    type Response = Changed;

    fn named(&self) -> (i8, &StrBytes) {
        (self.resource_type, &self.resource_name)
    }

    fn changes(&self) -> Result<Vec<Change<'_>>, Said> {
        let changes = self.configs.iter().map(|it| {
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

    fn start(settings: &Settings) -> Settings {
        settings.clone()
    }

    fn response(&self, error_code: i16, message: Option<StrBytes>) -> Changed {
        Changed::default()
            .with_resource_type(self.resource_type)
            .with_resource_name(self.resource_name.clone())
            .with_error_code(error_code)
            .with_error_message(message)
    }
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

fn alter<R: Resource>(context: &Context, resource: &R, is_trial: bool) -> Result<(), Said> {
    let (resource_type, name) = resource.named();
    let changes = resource.changes()?;
    match resource_type {
        TOPIC => {
            context.administer(ResponseError::TopicAuthorizationFailed)?;
            check_name(name).map_err(|it| said(it.into()))?;
        }
        BROKER => {
            context.administer(ResponseError::ClusterAuthorizationFailed)?;
            check_broker(name)?;
            return match changes.is_empty() {
                true => Ok(()),
                false => Err((
                    ResponseError::InvalidConfig,
                    Some("the broker is set when it is started, and by no request".to_owned()),
                )),
            };
        }
        other => return Err(unknown_type(other)),
    }
    let topics = &context.broker.topics;
    let change = |settings: &mut Settings| {
        *settings = apply(&changes, R::start(settings), topics.defaults())?;
        Ok(())
    };
    if !is_trial {
        return topics.configure(name, change).map_err(said);
    }
    let topic = topics.topic(name);
    let topic = topic.ok_or_else(|| said(Error::UnknownTopic(name.to_string())))?;
    let before = topic.settings();
    let mut settings = Settings::clone(&before);
    change(&mut settings).map_err(said)?;
    topics
        .settled(name, &before, settings)
        .map(|_| ())
        .map_err(said)
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
