//! `DescribeClientQuotas`: what clients are held to.
//!
//! It is the same for all, so what is told are the defaults of users and of names that clients give themselves. Nothing can be altered.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::describe_client_quotas_response::{EntityData, EntryData, ValueData};
use kafka_protocol::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Asked, Context, Refused, Said, told};
use crate::quotas::{Direction, Entity, Quotas};

/// What Kafka knows besides [`Entity`]: there is nothing to tell of it.
const IP: &str = "ip";

/// How the name of an entity is asked for (Kafka, `ClientQuotaFilterComponent`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    /// One of this name.
    Exact,
    /// The default.
    Default,
    /// Any for which something is set.
    Any,
}

pub(super) fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: DescribeClientQuotasRequest = asked.read()?;
    let response = DescribeClientQuotasResponse::default();
    let described = context
        .administer(ResponseError::ClusterAuthorizationFailed)
        .and_then(|()| describe(&context.broker.quotas, &request));
    let response = match described {
        Ok(entries) => response.with_entries(Some(entries)),
        Err((error, message)) => response
            .with_error_code(error.code())
            .with_error_message(told(message))
            .with_entries(None),
    };
    asked.reply::<DescribeClientQuotasRequest>(&response)
}

fn describe(
    quotas: &Quotas,
    request: &DescribeClientQuotasRequest,
) -> Result<Vec<EntryData>, Said> {
    let mut asked = Vec::with_capacity(request.components.len());
    for component in &request.components {
        let (name, how) = read(component)?;
        if asked.iter().any(|(known, _)| *known == name) {
            return Err(invalid(format!("`{name}` is asked for twice")));
        }
        asked.push((name, how));
    }
    let is_asked = |entity: &Entity| {
        // All that is asked for has to be so; of others there are to be none, if it is strict.
        let fits = |(name, how): &(&str, Match)| *name == entity.name() && *how != Match::Exact;
        asked.iter().all(fits) && (!request.strict || asked.len() == 1)
    };
    let entities = Entity::ALL.into_iter().filter(is_asked);
    Ok(entities.filter_map(|it| entry(quotas, it)).collect())
}

fn read(component: &ComponentData) -> Result<(&str, Match), Said> {
    let name = component.entity_type.as_str();
    let is_known = name == IP || Entity::ALL.iter().any(|it| it.name() == name);
    if !is_known {
        let message = format!("`{name}` is none of `user`, `client-id`, `ip`");
        return Err((ResponseError::UnsupportedVersion, Some(message)));
    }
    let how = match (component.match_type, component._match.is_some()) {
        (0, true) => Match::Exact,
        (1, false) => Match::Default,
        (2, false) => Match::Any,
        (number, _) => {
            let message = format!("match type {number} is 0 with a name, 1 or 2 without one");
            return Err(invalid(message));
        }
    };
    Ok((name, how))
}

fn invalid(message: String) -> Said {
    (ResponseError::InvalidRequest, Some(message))
}

/// What the default is of an entity; `None`: there is none.
fn entry(quotas: &Quotas, entity: Entity) -> Option<EntryData> {
    let values = Direction::ALL.into_iter().filter_map(|(direction, _)| {
        let key = match direction {
            Direction::Produce => "producer_byte_rate",
            Direction::Fetch => "consumer_byte_rate",
        };
        let rate = quotas.default_rate(direction)?;
        let value = ValueData::default().with_value(rate.get() as f64);
        Some(value.with_key(StrBytes::from_static_str(key)))
    });
    let values: Vec<_> = values.collect();
    let name = StrBytes::from_static_str(entity.name());
    let entity = EntityData::default()
        .with_entity_type(name)
        .with_entity_name(None);
    let entry = EntryData::default()
        .with_entity(vec![entity])
        .with_values(values);
    (!entry.values.is_empty()).then_some(entry)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use kafka_protocol::messages::ApiKey;

    use super::*;
    use crate::api::tests::{Trial, versions_of};
    use crate::gate::SAID_BYTES_MAX;
    use crate::quotas::QuotaOptions;

    fn component(entity: &str, match_type: i8, name: Option<&str>) -> ComponentData {
        ComponentData::default()
            .with_entity_type(StrBytes::from_string(entity.to_owned()))
            .with_match_type(match_type)
            .with_match(name.map(|it| StrBytes::from_string(it.to_owned())))
    }

    /// The entities of which something is told, or the error.
    fn listed(strict: bool, components: &[ComponentData]) -> Result<Vec<String>, i16> {
        let quotas = Quotas::new(QuotaOptions {
            produce: NonZeroU64::new(1_000_000),
            fetch: NonZeroU64::new(2_000_000),
        });
        let request = DescribeClientQuotasRequest::default()
            .with_components(components.to_vec())
            .with_strict(strict);
        let entries = describe(&quotas, &request).map_err(|it| it.0.code())?;
        for entry in &entries {
            let values = entry.values.iter().map(|it| (it.key.as_str(), it.value));
            let expected = [("producer_byte_rate", 1e6), ("consumer_byte_rate", 2e6)];
            assert_eq!(values.collect::<Vec<_>>(), expected);
            assert_eq!(entry.entity[0].entity_name, None);
        }
        let name = |it: EntryData| it.entity[0].entity_type.to_string();
        Ok(entries.into_iter().map(name).collect())
    }

    #[test]
    fn what_is_asked_for_is_told() {
        let both = Ok(vec!["user".to_owned(), "client-id".to_owned()]);
        let users = Ok(vec!["user".to_owned()]);
        let clients = Ok(vec!["client-id".to_owned()]);
        let nobody = Ok(Vec::new());
        let any = |entity| component(entity, 2, None);
        assert_eq!(listed(false, &[]), both);
        assert_eq!(listed(true, &[]), nobody);
        for strict in [false, true] {
            assert_eq!(listed(strict, &[any("client-id")]), clients);
            assert_eq!(listed(strict, &[component("user", 1, None)]), users);
            assert_eq!(listed(strict, &[component("user", 0, Some("a"))]), nobody);
            assert_eq!(listed(strict, &[any("ip")]), nobody);
            assert_eq!(listed(strict, &[any("user"), any("client-id")]), nobody);
        }
    }

    #[test]
    fn what_cannot_be_asked_for_is_an_error() {
        let invalid = Err(ResponseError::InvalidRequest.code());
        for component in [
            component("user", 0, None),
            component("user", 1, Some("a")),
            component("user", 2, Some("a")),
            component("user", 3, None),
            component("user", -1, None),
        ] {
            assert_eq!(listed(false, &[component]), invalid);
        }
        let twice = component("user", 2, None);
        assert_eq!(listed(false, &[twice.clone(), twice]), invalid);
        let unknown = listed(false, &[component("group", 2, None)]);
        assert_eq!(unknown, Err(ResponseError::UnsupportedVersion.code()));
    }

    #[test]
    fn what_is_repeated_of_a_request_is_cut() {
        let trial = Trial::new();
        // The longest that the first version carries: what is said about it would be longer.
        let long = "x".repeat(i16::MAX as usize);
        let request =
            DescribeClientQuotasRequest::default().with_components(vec![component(&long, 2, None)]);
        for version in versions_of(ApiKey::DescribeClientQuotas) {
            let response = trial.ask(&request, version);
            let unknown = ResponseError::UnsupportedVersion.code();
            assert_eq!(response.error_code, unknown);
            let message = response.error_message.expect("it is said why");
            assert!(message.starts_with("`xxx") && message.ends_with("x ..."));
            assert!(message.len() < SAID_BYTES_MAX + 10, "{}", message.len());
        }
    }

    #[test]
    fn where_nothing_is_set_nothing_is_told() {
        let quotas = Quotas::new(QuotaOptions::default());
        let told = describe(&quotas, &DescribeClientQuotasRequest::default());
        assert_eq!(told.expect("it can be asked"), []);
    }
}
