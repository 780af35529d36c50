//! The names by which loggers call the fields that a report is made of.

use crate::logs::number::Unit;

/// What a field means to the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Time,
    Level,
    Status,
    Path,
    Method,
    Host,
    Client,
    App,
    Bytes,
    /// How long it took; numbers without a unit are of this one.
    Latency(Unit),
}

impl Role {
    /// The name by which `--by` finds the field, whatever it is called in the log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Role::Time => "time",
            Role::Level => "level",
            Role::Status => "status",
            Role::Path => "path",
            Role::Method => "method",
            Role::Host => "host",
            Role::Client => "client",
            Role::App => "app",
            Role::Bytes => "bytes",
            Role::Latency(_) => "latency",
        }
    }
}

/// Objects whose members are fields of the record: `{"res": {"statusCode": 200}}`.
const PARENTS: [&str; 7] = [
    "req",
    "request",
    "res",
    "response",
    "http",
    "httprequest",
    "url",
];

/// What the field of that name means; nothing for most.
///
/// Members of objects are named with dots, `http.response.status_code`. The case of letters does not matter, nor whether
/// words are joined by `_`, `-` or nothing.
pub(super) fn role_of(name: &[u8]) -> Option<Role> {
    const LEN_MAX: usize = 48;
    let mut buffer = [0; LEN_MAX];
    let mut len = 0;
    for byte in name.iter().filter(|byte| !matches!(byte, b'_' | b'-')) {
        *buffer.get_mut(len)? = byte.to_ascii_lowercase();
        len += 1;
    }
    let mut name = std::str::from_utf8(&buffer[..len]).ok()?;
    if let Some(role) = dotted(name) {
        return Some(role);
    }
    while let Some((parent, member)) = name.split_once('.') {
        if !PARENTS.contains(&parent) {
            return None;
        }
        name = member;
    }
    plain(name)
}

/// Members that mean something by their object: names of the Elastic Common Schema among them.
fn dotted(name: &str) -> Option<Role> {
    Some(match name {
        "log.level" => Role::Level,
        "host.name" | "host.hostname" => Role::Host,
        "client.ip" | "client.address" | "source.ip" | "source.address" => Role::Client,
        "service.name" => Role::App,
        "url.original" | "url.full" => Role::Path,
        "http.response.bytes" | "http.response.body.bytes" => Role::Bytes,
        // A whole number of nanoseconds.
        "event.duration" => Role::Latency(Unit::Nanoseconds),
        _ => return None,
    })
}

fn plain(name: &str) -> Option<Role> {
    Some(match name {
        "time" | "timestamp" | "ts" | "t" | "@timestamp" | "@t" | "datetime" | "eventtime"
        | "asctime" | "timelocal" | "timeiso8601" => Role::Time,
        "level" | "severity" | "lvl" | "loglevel" | "levelname" | "@l" | "severitytext" => {
            Role::Level
        }
        "status" | "statuscode" | "httpstatus" | "responsestatus" | "httpstatuscode"
        | "responsecode" => Role::Status,
        "path" | "url" | "uri" | "requesturi" | "requesturl" | "requestpath" | "urlpath"
        | "httppath" => Role::Path,
        "method" | "requestmethod" | "httpmethod" | "verb" => Role::Method,
        "host" | "hostname" => Role::Host,
        "client" | "clientip" | "remoteaddr" | "remoteaddress" | "remoteip" | "remotehost"
        | "sourceip" | "ip" => Role::Client,
        "app" | "application" | "appname" | "service" | "servicename" | "program" => Role::App,
        "bytes" | "size" | "bytessent" | "bodybytessent" | "responsesize" | "responsebytes"
        | "contentlength" => Role::Bytes,
        _ => return latency(name),
    })
}

/// `duration`, `latency_ms`, `elapsedSeconds`.
fn latency(name: &str) -> Option<Role> {
    const UNITS: [(&str, Unit); 14] = [
        ("seconds", Unit::Seconds),
        ("secs", Unit::Seconds),
        ("sec", Unit::Seconds),
        ("milliseconds", Unit::Milliseconds),
        ("millis", Unit::Milliseconds),
        ("msec", Unit::Milliseconds),
        ("ms", Unit::Milliseconds),
        ("microseconds", Unit::Microseconds),
        ("micros", Unit::Microseconds),
        ("us", Unit::Microseconds),
        ("nanoseconds", Unit::Nanoseconds),
        ("nanos", Unit::Nanoseconds),
        ("ns", Unit::Nanoseconds),
        ("s", Unit::Seconds),
    ];
    let unit = match name {
        "duration" | "latency" | "elapsed" | "requesttime" | "rt" | "dur" | "elapsedtime"
        | "requestduration" => Unit::Seconds,
        // As pino and Elasticsearch write them.
        "responsetime" | "took" => Unit::Milliseconds,
        _ => {
            let (stem, unit) = UNITS
                .iter()
                .find_map(|(suffix, unit)| Some((name.strip_suffix(suffix)?, *unit)))?;
            latency(stem).filter(|_| !stem.is_empty())?;
            unit
        }
    };
    Some(Role::Latency(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_known_by_the_names_that_loggers_give_them() {
        for (name, role) in [
            ("@timestamp", Some(Role::Time)),
            ("levelname", Some(Role::Level)),
            ("status_code", Some(Role::Status)),
            ("res.statusCode", Some(Role::Status)),
            ("http.response.status_code", Some(Role::Status)),
            ("request.remote_ip", Some(Role::Client)),
            ("httpRequest.requestUrl", Some(Role::Path)),
            ("log.level", Some(Role::Level)),
            ("duration", Some(Role::Latency(Unit::Seconds))),
            ("duration_ms", Some(Role::Latency(Unit::Milliseconds))),
            ("responseTime", Some(Role::Latency(Unit::Milliseconds))),
            ("elapsedNanos", Some(Role::Latency(Unit::Nanoseconds))),
            ("latency_us", Some(Role::Latency(Unit::Microseconds))),
            ("event.duration", Some(Role::Latency(Unit::Nanoseconds))),
            ("request_time", Some(Role::Latency(Unit::Seconds))),
            ("user.status", None),
            ("cookies", None),
            ("ms", None),
            ("", None),
        ] {
            assert_eq!(role_of(name.as_bytes()), role, "{name}");
        }
        assert_eq!(role_of(&[b'a'; 100]), None);
    }
}
