//! Answers, and the headers that all of them have.

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

use super::live::Events;

/// Either all there is to say, or what there is to say as it happens.
pub(crate) type Body = Either<Full<Bytes>, Events>;

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const EVENTS: &str = "text/event-stream; charset=utf-8";

/// A page may use what comes from here and nothing else, run no script that stands in it, and be shown in no other page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Pages elsewhere cannot have a browser that has logged in here load anything for them.
const RESOURCE_POLICY: &str = "cross-origin-resource-policy";

/// What every answer says to browsers.
const HEADERS: &[(HeaderName, &str)] = &[
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
];

/// An answer of one piece.
pub(crate) fn of_text(
    status: StatusCode,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Response<Body> {
    of_body(status, content_type, Either::Left(Full::new(text.into())))
}

/// A stream of events; `None`: its head alone.
pub(super) fn of_events(events: Option<Events>) -> Response<Body> {
    let body = events.map_or_else(|| Either::Left(Full::default()), Either::Right);
    let mut response = of_body(StatusCode::OK, EVENTS, body);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would collect events before it hands them on.
    let buffering = HeaderName::from_static("x-accel-buffering");
    headers.insert(buffering, HeaderValue::from_static("no"));
    response
}

/// That something can be read only.
pub(super) fn refused_method() -> Response<Body> {
    let mut refused = of_text(
        StatusCode::METHOD_NOT_ALLOWED,
        TEXT,
        "it can be read only\n",
    );
    let allowed = HeaderValue::from_static("GET, HEAD");
    refused.headers_mut().insert(ALLOW, allowed);
    refused
}

/// That there is nothing to say at the moment.
pub(super) fn unavailable(text: impl Into<Bytes>) -> Response<Body> {
    of_text(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
}

fn of_body(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = HeaderName::from_static(RESOURCE_POLICY);
    headers.insert(policy, HeaderValue::from_static("same-origin"));
    response
}
