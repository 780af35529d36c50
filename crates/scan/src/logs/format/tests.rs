//! Goal: the lines that standards and manuals print are read as they say, and hostile ones do no harm.

use proptest::prelude::*;

use super::*;
use crate::logs::level::Level;
use crate::logs::tests::cases;
use crate::logs::time::Zone;
use crate::logs::time::civil::rfc3339;

/// 2026-11-20T15:00:00Z.
const NOW_US: i64 = 1_795_186_800_000_000;

fn clock() -> Clock {
    Clock::new(Zone::UTC, NOW_US)
}

fn parser(format: &str, by: &str) -> Parser {
    let format = Format::by_name(format).expect("a format");
    Parser::new(&format, clock(), &By::new(Some(by)), None)
}

/// The fields of a line on one line; `-` for what is not there.
fn read(format: &str, by: &str, line: &str) -> String {
    let mut parser = parser(format, by);
    let Some(event) = parser.parse(line.as_bytes()) else {
        return "none".to_owned();
    };
    let mut scratch = Vec::new();
    let mut text = |text: Option<crate::logs::event::Text<'_>>| match text {
        Some(text) => String::from_utf8_lossy(text.decode(&mut scratch)).into_owned(),
        None => "-".to_owned(),
    };
    let time = event
        .time_us
        .map_or("-".to_owned(), |time| rfc3339(time, event.offset_seconds));
    let level = event.level.map_or("-", Level::name);
    let number = |number: Option<u64>| number.map_or("-".to_owned(), |it| it.to_string());
    let names = [
        event.client,
        event.host,
        event.app,
        event.method,
        event.path,
    ]
    .map(&mut text);
    format!(
        "{time} {level} {} {} {} {} by={}",
        names.join(" "),
        number(event.status.map(u64::from)),
        number(event.bytes),
        number(event.latency_ns),
        text(event.by)
    )
}

#[test]
fn access_logs_of_apache_and_nginx() {
    for (by, line, expected) in [
        // Apache: "Log Files", common and combined.
        (
            "user",
            r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326"#,
            "2000-10-10T13:55:36-07:00 - 127.0.0.1 - - GET /apache_pb.gif 200 2326 - by=frank",
        ),
        (
            "referer",
            r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)""#,
            "2000-10-10T13:55:36-07:00 - 127.0.0.1 - - GET /apache_pb.gif 200 2326 - by=http://www.example.com/start.html",
        ),
        // nginx: `log_format combined`, HTTP/2 and a request time behind it.
        (
            "agent",
            r#"2001:db8::1 - - [20/Nov/2026:14:30:05 +0000] "POST /api?x=1 HTTP/2.0" 502 157 "-" "curl/8.5.0" 0.123"#,
            "2026-11-20T14:30:05Z - 2001:db8::1 - - POST /api?x=1 502 157 123000000 by=curl/8.5.0",
        ),
        // Apache's %D, microseconds; vhost_combined of Debian.
        (
            "vhost",
            r#"www.example.com:443 10.0.0.7 - - [20/Nov/2026:14:30:05 +0000] "GET / HTTP/1.1" 304 - "-" "-" 15320"#,
            "2026-11-20T14:30:05Z - 10.0.0.7 - - GET / 304 - 15320000 by=www.example.com:443",
        ),
        // Quotes that Apache escaped, brackets in a name, a named time, a forwarded address behind.
        (
            "agent",
            r#"10.0.0.7 - a [b] c [20/Nov/2026:14:30:05 +0000] "GET /a\"b HTTP/1.1" 200 1 "-" "say \"hi\"" "1.2.3.4" rt=0.5 uct="0.001""#,
            "2026-11-20T14:30:05Z - 10.0.0.7 - - GET /a\\\"b 200 1 500000000 by=say \\\"hi\\\"",
        ),
        // A TLS handshake on a plain port, and what a client that sent nothing leaves.
        (
            "method",
            r#"10.0.0.7 - - [20/Nov/2026:14:30:05 +0000] "\x16\x03\x01\x02" 400 157 "-" "-""#,
            "2026-11-20T14:30:05Z - 10.0.0.7 - - - - 400 157 - by=-",
        ),
        (
            "protocol",
            r#"10.0.0.7 - - [2026-11-20T14:30:05+00:00] "-" 408 0"#,
            "2026-11-20T14:30:05Z - 10.0.0.7 - - - - 408 0 - by=-",
        ),
        (
            "client",
            r#"1.2.3.4, 5.6.7.8 - - [20/Nov/2026:14:30:05 +0000] "GET /a b HTTP/1.1" 200 -"#,
            "2026-11-20T14:30:05Z - 1.2.3.4 - - GET /a b 200 - - by=1.2.3.4",
        ),
    ] {
        assert_eq!(read("combined", by, line), expected, "{line}");
    }
    for broken in [
        "",
        "127.0.0.1",
        r#"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /"#,
        r#"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0""#,
        r#"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 2x0 1"#,
        r#"127.0.0.1 - - [10/Okt/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 1"#,
        r#"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 12345678901234567890"#,
    ] {
        assert_eq!(read("combined", "client", broken), "none", "{broken}");
    }
}

#[test]
fn syslog_of_both_standards() {
    for (format, by, line, expected) in [
        // RFC 3164 section 5.4.
        (
            "rfc3164",
            "app",
            "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
            "2026-10-11T22:14:15Z critical - mymachine su - - - - - by=su",
        ),
        (
            "rfc3164",
            "facility",
            "<13>Feb  5 17:32:18 10.0.0.99 myproc[10]: Use the BFG!",
            "2026-02-05T17:32:18Z notice - 10.0.0.99 myproc - - - - - by=user",
        ),
        // A file of Debian 12, and one of those before it.
        (
            "rfc3164",
            "pid",
            "2026-11-20T14:30:05.123456+01:00 web1 sshd[4242]: Accepted publickey for root",
            "2026-11-20T14:30:05.123456+01:00 - - web1 sshd - - - - - by=4242",
        ),
        (
            "rfc3164",
            "host",
            "Nov 20 14:30:05 web1 kernel: [12345.678901] usb 1-1: new device",
            "2026-11-20T14:30:05Z - - web1 kernel - - - - - by=web1",
        ),
        // RFC 5424 section 6.5, all four examples.
        (
            "rfc5424",
            "msgid",
            "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed for lonvick on /dev/pts/8",
            "2003-10-11T22:14:15.003Z critical - mymachine.example.com su - - - - - by=ID47",
        ),
        (
            "rfc5424",
            "pid",
            "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
            "2003-08-24T05:14:15.000003-07:00 notice - 192.0.2.1 myproc - - - - - by=8710",
        ),
        (
            "rfc5424",
            "eventSource",
            r#"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] An application event log entry..."#,
            "2003-10-11T22:14:15.003Z notice - mymachine.example.com evntslog - - - - - by=Application",
        ),
        (
            "rfc5424",
            "examplePriority@32473.class",
            r#"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Appli\]cation" eventID="1011"][examplePriority@32473 class="high"]"#,
            "2003-10-11T22:14:15.003Z notice - mymachine.example.com evntslog - - - - - by=high",
        ),
        (
            "rfc5424",
            "host",
            "<0>1 - - - - - -",
            "- critical - - - - - - - - by=-",
        ),
    ] {
        assert_eq!(read(format, by, line), expected, "{line}");
    }
    for (format, broken) in [
        ("rfc5424", "<192>1 - - - - - -"),
        ("rfc5424", "<1>1 - - - - -"),
        ("rfc5424", "<34>1 2003-10-11 22:14:15 m su - ID47 - x"),
        ("rfc5424", r#"<34>1 - m su - ID47 [a b="c"#),
        ("rfc3164", "<34>Okt 11 22:14:15 m su: x"),
        ("rfc3164", "Oct 11 22:14:15"),
        ("rfc3164", ""),
    ] {
        assert_eq!(read(format, "host", broken), "none", "{broken}");
    }
}

#[test]
fn json_lines_of_the_usual_loggers() {
    for (by, line, expected) in [
        // pino-http, zap, logstash with ECS, Caddy.
        (
            "hostname",
            r#"{"level":50,"time":1795186800123,"pid":1,"hostname":"web1","req":{"id":1,"method":"GET","url":"/a?b=1","remoteAddress":"::1"},"res":{"statusCode":500},"responseTime":12,"msg":"request errored"}"#,
            "2026-11-20T15:00:00.123Z error ::1 web1 - GET /a?b=1 500 - 12000000 by=web1",
        ),
        (
            "logger",
            r#"{"level":"warn","ts":1795186800.5,"logger":"db.pool","caller":"a/b.go:1","msg":"slow \"query\"","elapsed":1.5}"#,
            "2026-11-20T15:00:00.500Z warn - - - - - - - 1500000000 by=db.pool",
        ),
        (
            "service.name",
            r#"{"@timestamp":"2026-11-20T14:30:05.123Z","log.level":"ERROR","service":{"name":"shop"},"url":{"path":"/cart"},"http":{"response":{"status_code":404}},"event":{"duration":5000000},"message":"x"}"#,
            "2026-11-20T14:30:05.123Z error - - shop - /cart 404 - 5000000 by=shop",
        ),
        (
            "host",
            r#"{"level":"info","ts":1795186800.5,"request":{"remote_ip":"10.0.0.7","method":"GET","host":"example.com","uri":"/","headers":{"a":["b","]}\""]}},"bytes_read":0,"duration":0.000930675,"size":0,"status":200}"#,
            "2026-11-20T15:00:00.500Z info 10.0.0.7 example.com - GET / 200 0 930675 by=example.com",
        ),
        (
            "level",
            r#"{ "severity" : "ERROR" , "time" : null , "n" : [ 1 , { } ] , "t" : true }"#,
            "- error - - - - - - - - by=error",
        ),
        (
            "who",
            r#"{"who":"\u00e9t\u00e9","ok":false}"#,
            "- - - - - - - - - - by=été",
        ),
        ("x", "{}", "- - - - - - - - - - by=-"),
    ] {
        assert_eq!(read("json", by, line), expected, "{line}");
    }
    for broken in [
        "",
        "[]",
        "1",
        "{",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1"#,
        r#"{"a":1}}"#,
        r#"{"a":"b}"#,
        r#"{"a":1,}"#,
        r#"{"a":{"b":1}"#,
        r#"{"a":[}"#,
        r#"{"a":1} x"#,
        r#"{a:1}"#,
        r#"{"a":'b'}"#,
    ] {
        assert_eq!(read("json", "a", broken), "none", "{broken}");
    }
}

#[test]
fn logfmt_of_heroku_and_go() {
    for (by, line, expected) in [
        (
            "dyno",
            r#"at=info method=GET path="/login?x=1" host=example.com fwd="10.0.0.7" dyno=web.1 connect=1ms service=18ms status=200 bytes=1548"#,
            "- - - example.com 18ms GET /login?x=1 200 1548 - by=web.1",
        ),
        (
            "msg",
            r#"time=2026-11-20T14:30:05.123Z level=ERROR msg="cannot \"read\"" duration=1.5ms err"#,
            "2026-11-20T14:30:05.123Z error - - - - - - - 1500000 by=cannot \"read\"",
        ),
        ("a", "a= b=1", "- - - - - - - - - - by="),
    ] {
        assert_eq!(read("logfmt", by, line), expected, "{line}");
    }
    for broken in ["", "plain text", "=a", r#"a="b"#, r#"a"b=1"#] {
        assert_eq!(read("logfmt", "a", broken), "none", "{broken}");
    }
}

#[test]
fn glog_klog_and_text() {
    for (format, by, line, expected) in [
        (
            "glog",
            "file",
            "I1120 14:30:05.123456   12345 server.go:123] GET /healthz",
            "2026-11-20T14:30:05.123456Z info - - - - - - - - by=server.go",
        ),
        (
            "glog",
            "line",
            "E20251120 14:30:05.123456 7 a/b.cc:9] x",
            "2025-11-20T14:30:05.123456Z error - - - - - - - - by=a/b.cc:9",
        ),
        (
            "text",
            "level",
            "2026-11-20 14:30:05,123 - worker - ERROR - it failed",
            "2026-11-20T14:30:05.123Z error - - - - - - - - by=error",
        ),
        (
            "text",
            "level",
            "[2026-11-20T14:30:05.123Z]  WARN [main] com.example.A: slow",
            "2026-11-20T14:30:05.123Z warn - - - - - - - - by=warn",
        ),
        (
            "text",
            "level",
            "2026/11/20 14:30:05 [error] 1234#0: *1 open() failed",
            "2026-11-20T14:30:05Z error - - - - - - - - by=error",
        ),
        (
            "text",
            "level",
            "2026-11-20 14:30:05 a fine day without an error",
            "2026-11-20T14:30:05Z - - - - - - - - - by=-",
        ),
    ] {
        assert_eq!(read(format, by, line), expected, "{line}");
    }
    for (format, broken) in [
        ("glog", "X1120 14:30:05.123456 1 a.go:1] x"),
        ("glog", "I1120 14:30:05.123456 a.go:1] x"),
        ("glog", "I1120 14:30:05.123456 1 a.go:1 x"),
        ("glog", "I1320 14:30:05.123456 1 a.go:1] x"),
        ("text", "2026-11-20 14:30:05x"),
        ("text", "no time"),
    ] {
        assert_eq!(read(format, "level", broken), "none", "{broken}");
    }
}

/// What is not a record goes on with one, unless it begins like one.
#[test]
fn lines_of_stack_traces_are_told_from_broken_records() {
    for (format, line, continues) in [
        ("combined", "\tat com.example.A", false),
        ("combined", "rubbish", false),
        ("rfc3164", "\tat com.example.A", true),
        ("rfc3164", "Caused by: java.io.IOException", true),
        ("rfc3164", "Oct 99 22:14:15 m su: x", false),
        ("rfc5424", "<34>1 broken", false),
        ("json", "Traceback (most recent call last):", true),
        ("json", "ValueError: x", true),
        ("json", "{\"a\":", false),
        ("logfmt", "goroutine 1 [running]:", true),
        ("logfmt", "level=\"info", false),
        ("glog", "main.main()", true),
        ("glog", "I1399 broken", false),
        ("text", "java.lang.IllegalStateException: x", true),
    ] {
        assert_eq!(
            parser(format, "x").continues(line.as_bytes()),
            continues,
            "{format}: {line}"
        );
    }
}

#[test]
fn formats_are_known_by_their_first_lines() {
    let of = |text: &str| detect(text.as_bytes(), true, &clock()).map(|found| found.name);
    let access = r#"10.0.0.7 - - [20/Nov/2026:14:30:05 +0000] "GET / HTTP/1.1" 200 5"#;
    assert_eq!(of(access).as_deref(), Ok("common"));
    let combined = format!("{access} \"-\" \"curl\" 0.5\nrubbish\n{access}\n");
    assert_eq!(of(&combined).as_deref(), Ok("combined with a request time"));
    for (text, name) in [
        ("<34>1 - - - - - - x\n", "syslog (RFC 5424)"),
        ("<34>Oct 11 22:14:15 m su: x\n", "syslog (RFC 3164)"),
        (
            "2026-11-20T14:30:05Z web1 sshd[1]: x\n",
            "syslog (RFC 3164)",
        ),
        ("{\"a\":1}\n\n{\"b\":2}\n", "JSON lines"),
        ("a=1 b=2\n", "logfmt"),
        ("I1120 14:30:05.1 1 a.go:1] x=1\n", "glog"),
        (
            "2026-11-20 14:30:05 ERROR x\n\tat a\n\tat b\n\tat c\nCaused by: d\n",
            "text with times",
        ),
    ] {
        assert_eq!(of(text).as_deref(), Ok(name), "{text}");
    }
    assert_eq!(of("a b\nc d\n"), Err((2, None)));
    let some = format!("a\nb\nc\n{access}\n");
    assert_eq!(of(&some), Err((4, Some((Format::Access, 1)))));
    // The last line of a head may be cut anywhere.
    let head = detect(
        format!("{access}\n{}", &access[..30]).as_bytes(),
        false,
        &clock(),
    );
    assert_eq!(head.map(|it| (it.lines, it.read)), Ok((1, 1)));
}

#[test]
fn fields_are_those_of_the_format() {
    let is_in = |by: &str, format: &Format| By::new(Some(by)).is_in(format);
    assert!(is_in("vhost", &Format::Access) && !is_in("level", &Format::Access));
    assert!(is_in("whatever", &Format::Json));
    let pattern = Pattern::compile("{ts} {status_code} {url}").expect("a good pattern");
    let pattern = Format::Pattern(pattern.into());
    assert!(is_in("status", &pattern) && is_in("url", &pattern) && is_in("path", &pattern));
    assert!(!is_in("level", &pattern));
    assert!(By::new(Some("url")).is_path() && !By::new(Some("user")).is_path());
}

fn all_parsers() -> Vec<Parser> {
    let pattern = "{host} [{time}] \"{method} {path} {}\" {status} {x}";
    let pattern = Format::Pattern(Pattern::compile(pattern).expect("a good pattern").into());
    Format::DETECTED
        .iter()
        .chain([&pattern])
        .map(|format| Parser::new(format, clock(), &By::new(Some("x")), None))
        .collect()
}

fn hostile_line() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "10.0.0.7",
        " - ",
        "[20/Nov/2026:14:30:05 +0000]",
        " \"GET / HTTP/1.1\"",
        " 200",
        " 5",
        "\"",
        "\\",
        "\\\"",
        "<34>1 ",
        "<",
        "2026-11-20T14:30:05",
        ".123",
        "Z",
        "+01:00",
        "Nov 20 14:30:05",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"x\":",
        "1e5",
        "null",
        "x=",
        "=",
        " ",
        "\t",
        "I1120 14:30:05.1 1 a:1] ",
        "9999999999999999999999",
        "\u{e9}",
        "\0",
    ];
    let piece = proptest::sample::select(pieces.to_vec()).prop_map(|it| it.as_bytes().to_vec());
    let byte = any::<u8>().prop_map(|byte| vec![byte]);
    proptest::collection::vec(prop_oneof![8 => piece, 1 => byte], 0..24).prop_map(|it| it.concat())
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn no_line_does_harm_and_none_depends_on_the_lines_before(lines in proptest::collection::vec(hostile_line(), 1..8)) {
        for parser in all_parsers() {
            let mut used = parser.clone();
            for line in &lines {
                let fresh = parser.clone().parse(line).map(|event| format!("{event:?}"));
                prop_assert_eq!(used.parse(line).map(|event| format!("{event:?}")), fresh);
                prop_assert_eq!(used.continues(line), parser.clone().continues(line));
            }
        }
    }

    /// Whatever serde_json takes for an object is a record, with the same text.
    #[test]
    fn objects_of_json_are_records(text in "\\PC{0,20}", number in any::<f64>(), flag in any::<bool>()) {
        prop_assume!(number.is_finite());
        let value = serde_json::json!({"a": number, "b": [flag, {"x": text}], "x": text, "c": {"d": {"e": {"f": text}}}});
        let line = value.to_string();
        let mut parser = parser("json", "x");
        let event = parser.parse(line.as_bytes());
        let mut scratch = Vec::new();
        let by = event.and_then(|event| event.by).map(|by| by.decode(&mut scratch).to_vec());
        prop_assert_eq!(by.as_deref(), Some(text.as_bytes()));
    }
}
