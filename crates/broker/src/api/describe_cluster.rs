//! `DescribeCluster`: the one node there is.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{BrokerId, DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Asked, Context, Refused, operations};
use crate::broker::NODE_ID;

/// Who is asked for (KIP-919): brokers, and not controllers, of which there are none to speak to.
const BROKERS: i8 = 1;

pub(super) fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: DescribeClusterRequest = asked.read()?;
    let response = DescribeClusterResponse::default()
        .with_endpoint_type(BROKERS)
        .with_cluster_authorized_operations(operations::of_cluster(
            context,
            request.include_cluster_authorized_operations,
        ));
    if request.endpoint_type != BROKERS {
        let message = format!(
            "endpoint type {}: brokers alone are told, type 1",
            request.endpoint_type
        );
        let response = response
            .with_error_code(ResponseError::MismatchedEndpointType.code())
            .with_error_message(Some(StrBytes::from_string(message)))
            .with_controller_id(BrokerId(-1));
        return asked.reply::<DescribeClusterRequest>(&response);
    }
    let (host, port) = &*context.advertised;
    let broker = DescribeClusterBroker::default()
        .with_broker_id(BrokerId(NODE_ID))
        .with_host(StrBytes::from_string(host.clone()))
        .with_port(i32::from(*port));
    let response = response
        .with_cluster_id(StrBytes::from_string(context.broker.cluster_id.clone()))
        .with_controller_id(BrokerId(NODE_ID))
        .with_brokers(vec![broker]);
    asked.reply::<DescribeClusterRequest>(&response)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::ApiKey;

    use super::*;
    use crate::api::tests::{Trial, versions_of};

    #[test]
    fn the_cluster_is_one_node() {
        let trial = Trial::new();
        for version in versions_of(ApiKey::DescribeCluster) {
            let response = trial.ask(&DescribeClusterRequest::default(), version);
            let [broker] = response.brokers.as_slice() else {
                panic!("{response:?}")
            };
            assert_eq!(
                (broker.broker_id.0, &*broker.host, broker.port),
                (1, "localhost", 9092)
            );
            assert_eq!((response.error_code, response.controller_id.0), (0, 1));
            assert_eq!(&*response.cluster_id, &trial.context.broker.cluster_id);
        }
        let controllers = DescribeClusterRequest::default().with_endpoint_type(2);
        let response = trial.ask(&controllers, 1);
        assert_eq!(
            response.error_code,
            ResponseError::MismatchedEndpointType.code()
        );
        assert!(response.brokers.is_empty());
    }
}
