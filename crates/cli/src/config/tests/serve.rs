//! What the broker is set up with.

use std::ffi::OsString;
use std::path::Path;

use super::*;

fn expected() -> Serve {
    Serve {
        listen: vec!["127.0.0.1:1".to_owned(), "[::1]:2".to_owned()],
        http: "none".to_owned(),
        data: "/var/lib/tamis".to_owned(),
        advertise: vec![
            ("broker.example.com".to_owned(), 9092),
            ("localhost".to_owned(), 2),
        ],
        tls_cert: "cert.pem".to_owned(),
        tls_key: "key.pem".to_owned(),
        tls_client_ca: "ca.pem".to_owned(),
        insecure: true,
        auto_create: false,
        partitions: 3,
        max_connections: 4,
        max_request: ByteSize(1 << 20),
        memory: ByteSize(2 << 20),
        quota_produce: ByteSize(3_000_000),
        quota_fetch: ByteSize(4_000_000),
        idle_timeout: 5,
        threads: 6,
        pin: true,
        flush: "io_uring",
        log: "debug",
        log_format: "json",
        auth: true,
        users: "/etc/tamis/users.json".to_owned(),
        grants: "/etc/tamis/grants.toml".to_owned(),
    }
}

#[test]
fn every_key_of_the_broker_goes_to_its_place() {
    let text = "
        [serve]
        listen = [\"127.0.0.1:1\", '[::1]:2']
        http = \"none\"
        data = \"/var/lib/tamis\"
        advertise = [\"broker.example.com:9092\", \"localhost:2\"]
        tls_cert = \"cert.pem\"
        tls_key = \"key.pem\"
        tls_client_ca = \"ca.pem\"
        insecure = true
        auto_create = false
        partitions = 3
        max_connections = 4
        max_request = \"1MiB\"
        memory = \"2MiB\"
        quota_produce = \"3MB\"
        quota_fetch = \"4MB\"
        idle_timeout = 5
        threads = 6
        pin = true
        flush = \"io_uring\"
        log = \"debug\"
        log_format = \"json\"
        auth = true
        users = \"/etc/tamis/users.json\"
        grants = \"/etc/tamis/grants.toml\"
    ";
    assert_eq!(config(text).serve, expected());
    let one = config("serve.listen = \"127.0.0.1:7\"").serve;
    assert_eq!(one.listen, ["127.0.0.1:7"]);
}

#[test]
fn every_key_of_the_broker_has_a_variable() {
    let variables = [
        ("TAMIS_SERVE_LISTEN", "127.0.0.1:1, [::1]:2"),
        ("TAMIS_SERVE_HTTP", "none"),
        ("TAMIS_SERVE_DATA", "/var/lib/tamis"),
        (
            "TAMIS_SERVE_ADVERTISE",
            "broker.example.com:9092,localhost:2",
        ),
        ("TAMIS_SERVE_TLS_CERT", "cert.pem"),
        ("TAMIS_SERVE_TLS_KEY", "key.pem"),
        ("TAMIS_SERVE_TLS_CLIENT_CA", "ca.pem"),
        ("TAMIS_SERVE_INSECURE", "true"),
        ("TAMIS_SERVE_AUTO_CREATE", "false"),
        ("TAMIS_SERVE_PARTITIONS", "3"),
        ("TAMIS_SERVE_MAX_CONNECTIONS", "4"),
        ("TAMIS_SERVE_MAX_REQUEST", "1MiB"),
        ("TAMIS_SERVE_MEMORY", "2MiB"),
        ("TAMIS_SERVE_QUOTA_PRODUCE", "3MB"),
        ("TAMIS_SERVE_QUOTA_FETCH", "4MB"),
        ("TAMIS_SERVE_IDLE_TIMEOUT", "5"),
        ("TAMIS_SERVE_THREADS", "6"),
        ("TAMIS_SERVE_PIN", "true"),
        ("TAMIS_SERVE_FLUSH", "io_uring"),
        ("TAMIS_SERVE_LOG", "debug"),
        ("TAMIS_SERVE_LOG_FORMAT", "json"),
        ("TAMIS_SERVE_AUTH", "true"),
        ("TAMIS_SERVE_USERS", "/etc/tamis/users.json"),
        ("TAMIS_SERVE_GRANTS", "/etc/tamis/grants.toml"),
    ];
    let variables = HashMap::from(variables);
    let environment = |name: &str| variables.get(name).map(OsString::from);
    let folder = TempDir::new().expect("a folder");
    let file = "[serve]\npartitions = 9\nlog = \"error\"\n";
    fs::write(folder.path().join("tamis.toml"), file).expect("a file");
    let config = Config::load(folder.path(), environment).expect("a good environment");
    assert_eq!(config.serve, expected());
    let flagged = config.serve(&flags("tamis --threads 9 --memory 9MB"));
    assert_eq!((flagged.threads, flagged.memory), (9, ByteSize(9_000_000)));
}

#[test]
fn what_cannot_be_is_told() {
    let bad = [
        ("listen = []", "a text or an array of texts, not an array"),
        ("listen = [1]", "a text or an array of texts, not an array"),
        ("data = \"\"", "a text, not an empty text"),
        (
            "advertise = \"host\"",
            "HOST:PORT, or a list of them, not `host`",
        ),
        ("insecure = \"true\"", "write it without quotes"),
        ("insecure = 1", "`true` or `false`, not `1`"),
        (
            "partitions = 10001",
            "a whole number from 1 to 10000, not `10001`",
        ),
        ("max_request = 1", "a size from 1024 to 2147483647, not `1`"),
        (
            "flush = \"uring\"",
            "one of `threads`, `io_uring`, not `uring`",
        ),
        ("log = \"debgu\"", "did you mean `debug`?"),
        ("log_format = \"xml\"", "one of `text`, `json`, not `xml`"),
        ("batch_size = 1", "unknown key `batch_size` in `[serve]`"),
    ];
    for (line, said) in bad {
        let told = wrong(&format!("[serve]\n{line}\n"));
        assert!(told.contains(said), "{told}");
    }
    let of_serve = wrong("partitions = 1");
    assert!(
        of_serve.contains("belongs to the table `[serve]`"),
        "{of_serve}"
    );
    let variable = |name: &str| (name == "TAMIS_SERVE_INSECURE").then(|| OsString::from("yes"));
    let refused = Config::load(Path::new("/nowhere"), variable).expect_err("it is neither");
    let told = refused.chain();
    assert!(
        told.contains("`TAMIS_SERVE_INSECURE` must be `true` or `false`, not `yes`"),
        "{told}"
    );
}
