//! `DescribeAcls`, `CreateAcls` and `DeleteAcls`: what is granted to whom, in Kafka's words.
//!
//! Grants are in a file that people write, so they can be looked at by requests and changed by none: who tries is told where they are. Of
//! `metrics` there is nothing to tell, for Kafka has no such operation. All of it is for those with `admin = true`.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_acls_response::AclCreationResult;
use kafka_protocol::messages::delete_acls_response::DeleteAclsFilterResult;
use kafka_protocol::messages::describe_acls_response::{AclDescription, DescribeAclsResource};
use kafka_protocol::messages::{
    CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse,
    DescribeAclsRequest, DescribeAclsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::operations::Operation::{
    self, Alter, AlterConfigs, Create, Delete, Describe, DescribeConfigs, Read, Write,
};
use super::{Answer, Asked, Context, Refused, Said, told};
use crate::access::{Granted, Grants, Names};

/// What something may be done with (Kafka, `ResourceType`); up to this number there are some.
const TOPIC: i8 = 2;
const GROUP: i8 = 3;
const CLUSTER: i8 = 4;
const RESOURCE_TYPE_MAX: i8 = 7;

/// How a name is meant (Kafka, `PatternType`).
const MATCHING: i8 = 2;
const LITERAL: i8 = 3;
const PREFIXED: i8 = 4;

/// Operations are up to this number (Kafka, `AclOperation`).
const OPERATION_MAX: i8 = 15;

/// What is not granted is not allowed, so nothing is denied besides (Kafka, `AclPermissionType`).
const ALLOW: i8 = 3;

/// In a filter, whatever there is.
const ANY: i8 = 1;

/// Kafka's name for the cluster.
const CLUSTER_NAME: &str = "kafka-cluster";

/// From everywhere.
const EVERY_HOST: &str = "*";

/// A name that stands for all.
const EVERY_NAME: &str = "*";

/// Somebody may do something with something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Binding {
    resource_type: i8,
    name: String,
    pattern_type: i8,
    principal: String,
    operation: Operation,
}

pub(super) fn describe(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: DescribeAclsRequest = asked.read()?;
    let response = DescribeAclsResponse::default();
    let response = match described(context, &request) {
        Ok(resources) => response.with_error_message(None).with_resources(resources),
        Err((error, message)) => response
            .with_error_code(error.code())
            .with_error_message(told(message)),
    };
    asked.reply::<DescribeAclsRequest>(&response)
}

pub(super) fn create(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: CreateAclsRequest = asked.read()?;
    let (error, message) = unchangeable(context);
    let message = told(message);
    let results = request.creations.iter().map(|_| {
        AclCreationResult::default()
            .with_error_code(error.code())
            .with_error_message(message.clone())
    });
    let response = CreateAclsResponse::default().with_results(results.collect());
    asked.reply::<CreateAclsRequest>(&response)
}

pub(super) fn delete(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: DeleteAclsRequest = asked.read()?;
    let (error, message) = unchangeable(context);
    let message = told(message);
    let results = request.filters.iter().map(|_| {
        DeleteAclsFilterResult::default()
            .with_error_code(error.code())
            .with_error_message(message.clone())
    });
    let response = DeleteAclsResponse::default().with_filter_results(results.collect());
    asked.reply::<DeleteAclsRequest>(&response)
}

/// Why no request changes what is granted.
fn unchangeable(context: &Context) -> Said {
    if let Err(refused) = context.administer(ResponseError::ClusterAuthorizationFailed) {
        return refused;
    }
    match context.broker.access.grants() {
        None => nothing_granted(),
        Some((path, _)) => (
            ResponseError::PolicyViolation,
            Some(format!(
                "what users may do is in `{}`: it is changed there, and holds a second later",
                path.display()
            )),
        ),
    }
}

fn nothing_granted() -> Said {
    (
        ResponseError::SecurityDisabled,
        Some(
            "nothing is granted in particular, so everybody who gets in may do everything: `tamis serve --auth --grants FILE`"
                .to_owned(),
        ),
    )
}

fn described(
    context: &Context,
    request: &DescribeAclsRequest,
) -> Result<Vec<DescribeAclsResource>, Said> {
    context.administer(ResponseError::ClusterAuthorizationFailed)?;
    let (_, grants) = context.broker.access.grants().ok_or_else(nothing_granted)?;
    check(request)?;
    let mut bindings = bindings(&grants);
    bindings.retain(|it| is_meant(request, it));
    bindings.sort_by(|one, other| one.resource().cmp(&other.resource()));
    let resources = bindings.chunk_by(|one, next| one.resource() == next.resource());
    let resources = resources.map(|bindings| {
        let acls = bindings.iter().map(|it| {
            AclDescription::default()
                .with_principal(StrBytes::from_string(it.principal.clone()))
                .with_host(StrBytes::from_static_str(EVERY_HOST))
                .with_operation(it.operation as i8)
                .with_permission_type(ALLOW)
        });
        DescribeAclsResource::default()
            .with_resource_type(bindings[0].resource_type)
            .with_resource_name(StrBytes::from_string(bindings[0].name.clone()))
            .with_pattern_type(bindings[0].pattern_type)
            .with_acls(acls.collect())
    });
    Ok(resources.collect())
}

/// Whether a filter says what can be.
fn check(filter: &DescribeAclsRequest) -> Result<(), Said> {
    let fields = [
        (
            "resource type",
            filter.resource_type_filter,
            RESOURCE_TYPE_MAX,
        ),
        ("pattern type", filter.pattern_type_filter, PREFIXED),
        ("operation", filter.operation, OPERATION_MAX),
        ("permission type", filter.permission_type, ALLOW),
    ];
    match fields
        .iter()
        .find(|(_, found, max)| !(ANY..=*max).contains(found))
    {
        None => Ok(()),
        Some((name, found, max)) => Err((
            ResponseError::InvalidRequest,
            Some(format!("{name} {found} is none of {ANY} to {max}")),
        )),
    }
}

fn is_meant(filter: &DescribeAclsRequest, binding: &Binding) -> bool {
    let is = |wanted: i8, found: i8| wanted == ANY || wanted == found;
    let is_text =
        |wanted: &Option<StrBytes>, found: &str| wanted.as_ref().is_none_or(|it| **it == *found);
    is(filter.resource_type_filter, binding.resource_type)
        && binding.is_called(&filter.resource_name_filter, filter.pattern_type_filter)
        && is_text(&filter.principal_filter, &binding.principal)
        && is_text(&filter.host_filter, EVERY_HOST)
        && is(filter.operation, binding.operation as i8)
        && is(filter.permission_type, ALLOW)
}

impl Binding {
    fn resource(&self) -> (i8, &str, i8) {
        (self.resource_type, &self.name, self.pattern_type)
    }

    /// Whether a filter means things of its name. One that matches means all that hold for a thing of that name.
    fn is_called(&self, wanted: &Option<StrBytes>, pattern_type: i8) -> bool {
        let is_of_type = pattern_type == ANY || pattern_type == self.pattern_type;
        match wanted {
            None => is_of_type || pattern_type == MATCHING,
            Some(name) if pattern_type == MATCHING => match self.pattern_type {
                PREFIXED => name.starts_with(&self.name),
                _ => **name == *self.name || self.name == EVERY_NAME,
            },
            Some(name) => is_of_type && **name == *self.name,
        }
    }
}

/// Everything that is granted.
fn bindings(grants: &Grants) -> Vec<Binding> {
    let users = grants.users.iter();
    users
        .flat_map(|(name, granted)| of_user(name, granted))
        .collect()
}

fn of_user(user: &str, granted: &Granted) -> Vec<Binding> {
    let mut bindings = Vec::new();
    let mut put = |resource_type, names: &Names, operations: &[Operation]| {
        let (name, pattern_type) = match names {
            Names::One(name) => (name.as_str(), LITERAL),
            Names::Beginning(prefix) if prefix.is_empty() => (EVERY_NAME, LITERAL),
            Names::Beginning(prefix) => (prefix.as_str(), PREFIXED),
        };
        for &operation in operations {
            let binding = Binding {
                resource_type,
                name: name.to_owned(),
                pattern_type,
                principal: format!("User:{user}"),
                operation,
            };
            // Who may read and write a topic may see how it is set for two reasons.
            if !bindings.contains(&binding) {
                bindings.push(binding);
            }
        }
    };
    for names in &granted.read {
        put(TOPIC, names, &[Read, Describe, DescribeConfigs]);
    }
    for names in &granted.write {
        put(TOPIC, names, &[Write, Describe, DescribeConfigs]);
    }
    for names in &granted.groups {
        put(GROUP, names, &[Read, Describe, Delete]);
    }
    if granted.is_admin {
        let all = Names::Beginning(String::new());
        let of_topics = [
            Create,
            Delete,
            Alter,
            Describe,
            DescribeConfigs,
            AlterConfigs,
        ];
        put(TOPIC, &all, &of_topics);
        put(GROUP, &all, &[Read, Describe, Delete]);
        let cluster = Names::One(CLUSTER_NAME.to_owned());
        let of_cluster = [Create, Alter, Describe, DescribeConfigs, AlterConfigs];
        put(CLUSTER, &cluster, &of_cluster);
    }
    bindings
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::ApiKey;
    use kafka_protocol::messages::create_acls_request::AclCreation;
    use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;

    use super::*;
    use crate::api::tests::{Trial, versions_of};

    const GRANTS: &str = r#"
        [users.ann]
        admin = true
        [users.bob]
        read = ["orders", "logs.*"]
        write = ["orders", "*"]
        groups = ["billing*"]
        metrics = true
    "#;

    fn filter() -> DescribeAclsRequest {
        DescribeAclsRequest::default()
            .with_resource_type_filter(ANY)
            .with_resource_name_filter(None)
            .with_pattern_type_filter(ANY)
            .with_principal_filter(None)
            .with_host_filter(None)
            .with_operation(ANY)
            .with_permission_type(ANY)
    }

    fn text(text: &'static str) -> Option<StrBytes> {
        Some(StrBytes::from_static_str(text))
    }

    /// The resources of what is told, and how many operations there are on each.
    fn listed(trial: &Trial, filter: &DescribeAclsRequest) -> Vec<(i8, String, i8, usize)> {
        let response = trial.ask(filter, 3);
        assert_eq!(response.error_code, 0, "{response:?}");
        let listed = response.resources.iter();
        listed
            .map(|it| {
                let name = it.resource_name.to_string();
                (it.resource_type, name, it.pattern_type, it.acls.len())
            })
            .collect()
    }

    #[test]
    fn what_is_granted_is_told_by_all_filters() {
        let trial = Trial::granting(GRANTS, "ann");
        let bob = filter().with_principal_filter(text("User:bob"));
        let of = |kind, name: &str, pattern, count| (kind, name.to_owned(), pattern, count);
        let of_bob = [
            of(TOPIC, "*", LITERAL, 3),
            of(TOPIC, "logs.", PREFIXED, 3),
            of(TOPIC, "orders", LITERAL, 4),
            of(GROUP, "billing", PREFIXED, 3),
        ];
        assert_eq!(listed(&trial, &bob), of_bob);
        for version in versions_of(ApiKey::DescribeAcls) {
            let response = trial.ask(&bob, version);
            assert_eq!((response.error_code, response.resources.len()), (0, 4));
        }
        let groups = bob.clone().with_resource_type_filter(GROUP);
        assert_eq!(listed(&trial, &groups), of_bob[3..]);
        let prefixed = bob.clone().with_pattern_type_filter(PREFIXED);
        assert_eq!(listed(&trial, &prefixed).len(), 2);
        let orders = bob.clone().with_resource_name_filter(text("orders"));
        assert_eq!(listed(&trial, &orders), of_bob[2..3]);
        let matching = orders.with_pattern_type_filter(MATCHING);
        assert_eq!(
            listed(&trial, &matching),
            [of_bob[0].clone(), of_bob[2].clone()]
        );
        let matching = matching.with_resource_name_filter(text("logs.a"));
        assert_eq!(listed(&trial, &matching), of_bob[..2]);
        let writing = bob.clone().with_operation(Write as i8);
        assert_eq!(listed(&trial, &writing).len(), 2);
        let denied = bob.clone().with_permission_type(2);
        assert_eq!(listed(&trial, &denied), []);
        assert_eq!(listed(&trial, &bob.with_host_filter(text("::1"))), []);
        assert_eq!(
            listed(&trial, &filter().with_principal_filter(text("User:eve"))),
            []
        );
        let clusters = listed(&trial, &filter().with_resource_type_filter(CLUSTER));
        assert_eq!(clusters, [of(CLUSTER, CLUSTER_NAME, LITERAL, 5)]);
        let unknown = trial.ask(&filter().with_operation(0), 1);
        assert_eq!(unknown.error_code, ResponseError::InvalidRequest.code());
    }

    /// The errors of the three requests.
    fn errors(trial: &Trial, version: i16) -> [i16; 3] {
        let creation = AclCreation::default().with_resource_pattern_type(LITERAL);
        let create = CreateAclsRequest::default().with_creations(vec![creation]);
        let delete = DeleteAclsFilter::default().with_pattern_type_filter(ANY);
        let delete = DeleteAclsRequest::default().with_filters(vec![delete]);
        [
            trial.ask(&filter(), version).error_code,
            trial.ask(&create, version).results[0].error_code,
            trial.ask(&delete, version).filter_results[0].error_code,
        ]
    }

    #[test]
    fn requests_change_nothing_and_say_why() {
        let policy = ResponseError::PolicyViolation.code();
        let denied = ResponseError::ClusterAuthorizationFailed.code();
        let disabled = ResponseError::SecurityDisabled.code();
        let cases = [
            (Trial::granting(GRANTS, "ann"), [0, policy, policy]),
            (Trial::granting(GRANTS, "bob"), [denied; 3]),
            (Trial::new(), [disabled; 3]),
        ];
        for (trial, expected) in cases {
            for version in versions_of(ApiKey::CreateAcls) {
                assert_eq!(errors(&trial, version), expected);
            }
        }
    }
}
