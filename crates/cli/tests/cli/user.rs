//! `tamis user`, and brokers that ask who is there.

use std::time::{Duration, Instant};

use kafka_protocol::messages::{
    MetadataRequest, SaslAuthenticateRequest, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::StrBytes;

use crate::faults::signal;
use crate::serve::wire::Client;
use crate::serve::{SERVE, Serving};
use crate::shell::Shell;

/// Adds a user, in the folder that [`SERVE`] serves.
fn add(shell: &Shell, name: &str, password: &str) {
    let ran = shell.tamis_fed(&format!("user add {name} --data data"), password.as_bytes());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

/// The error of a login.
fn log_in(client: &mut Client, message: &str) -> i16 {
    let handshake =
        SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str("PLAIN"));
    let shaken: SaslHandshakeResponse = client.ask(1, &handshake);
    assert_eq!(shaken.error_code, 0);
    let message = message.to_owned().into_bytes();
    let authenticate = SaslAuthenticateRequest::default().with_auth_bytes(message.into());
    client.ask(2, &authenticate).error_code
}

#[test]
fn users_come_and_go() {
    let shell = Shell::new();
    let ran = shell.tamis("user list --data data");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert!(
        ran.stderr.contains("there is no file `data/users.json`"),
        "{}",
        ran.stderr
    );
    add(&shell, "bob", "a secret\n");
    add(&shell, "ann", "a secret");
    let list = || shell.tamis("user list --users data/users.json").stdout;
    assert_eq!(list(), "ann\nbob\n");
    let before = shell.read("data/users.json");
    assert!(!before.contains("a secret"));
    let refused = [
        ("user add ann --data data", "x", "`--replace`"),
        (
            "user add eve --replace --data data",
            "x",
            "without `--replace`",
        ),
        ("user remove eve --data data", "", "`tamis user list`"),
        ("user add a:b --data data", "x", "it has a colon"),
        ("user add eve --data data", "", "it is empty"),
        (
            "user add eve --data data",
            "1234567\n",
            "fewer than 8 characters, the fewest that NIST SP 800-63B-4 takes",
        ),
        (
            "user add eve --data data",
            "two\nlines\n",
            "`standard input` has more than one line",
        ),
        (
            "user add eve --password-file - --data data",
            &"x".repeat(5000),
            "is longer than any password",
        ),
    ];
    for (arguments, password, expected) in refused {
        let ran = shell.tamis_fed(arguments, password.as_bytes());
        assert_eq!(ran.code, Some(2), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    }
    assert_eq!(shell.read("data/users.json"), before);
    shell.write("password", "größer 8\n");
    let ran = shell.tamis("user add ann --replace --password-file password --data data");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_ne!(shell.read("data/users.json"), before);
    assert_eq!(shell.tamis("user remove bob --data data").code, Some(0));
    assert_eq!(list(), "ann\n");
    shell.write("data/users.json", &before[..100]);
    let ran = shell.tamis("user list --data data");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
}

#[test]
fn who_is_added_gets_in_and_who_is_removed_is_out() {
    let shell = Shell::new();
    let serving = Serving::start(&shell, &format!("{SERVE} --auth"));
    let connect = || Client::connect(serving.address);
    let mut stranger = connect();
    stranger.send(9, &MetadataRequest::default());
    assert!(stranger.is_closed_silently());
    assert_ne!(log_in(&mut connect(), "\0ann\0a secret"), 0);
    add(&shell, "ann", "a secret");
    let mut ann = connect();
    assert_eq!(log_in(&mut ann, "\0ann\0a secret"), 0);
    ann.want_topic("orders");
    let mut wrong = connect();
    assert_ne!(log_in(&mut wrong, "\0ann\0A secret"), 0);
    assert!(wrong.is_closed_silently());
    ann.ask(9, &MetadataRequest::default());
    assert_eq!(shell.tamis("user remove ann --data data").code, Some(0));
    let removed = Instant::now();
    loop {
        ann.send(9, &MetadataRequest::default());
        if ann.receive_if_any::<MetadataRequest>(9).is_none() {
            break;
        }
        assert!(
            removed.elapsed() < Duration::from_secs(20),
            "she is still in"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut serving = serving;
    signal(&serving.child, "TERM");
    let (code, told) = serving.wait();
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("ecret"), "a password was told: {told}");
    assert!(told.contains("a login failed"), "{told}");
}

#[test]
fn with_users_it_listens_where_others_get_to() {
    let shell = Shell::new();
    let arguments = "serve --data data --listen 0.0.0.0:0 --http 0.0.0.0:0 --auth";
    let mut serving = Serving::start(&shell, arguments);
    signal(&serving.child, "TERM");
    let (code, told) = serving.wait();
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn grants_that_cannot_be_are_told_with_their_place() {
    let shell = Shell::new();
    shell.write("grants.toml", "[users.ann]\nreads = []\n");
    let ran = shell.tamis(&format!("{SERVE} --auth --grants grants.toml"));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("`grants.toml` line 2, column 1"),
        "{}",
        ran.stderr
    );
    let ran = shell.tamis(&format!("{SERVE} --grants grants.toml"));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("`--auth` asks them"), "{}", ran.stderr);
    let ran = shell.tamis(&format!("{SERVE} --auth --grants none.toml"));
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("none.toml"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`--grants FILE`"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("`--data DIR`"), "{}", ran.stderr);
}
