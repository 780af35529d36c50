//! Who is let in over HTTP, and what the others are told.

use tempfile::TempDir;
use tokio::time::Instant;

use super::*;
use crate::access::Users;
use crate::broker::Options;

const LOCAL: [u8; 4] = [127, 0, 0, 1];

fn wire(peer: [u8; 4]) -> Wire {
    Wire {
        peer: peer.into(),
        is_encrypted: false,
    }
}

/// Who asks, if it is not refused.
async fn visitor(
    broker: &Broker,
    peer: [u8; 4],
    path: &str,
    header: Option<(&str, &str)>,
) -> Result<Visitor, Response<Body>> {
    let mut request = Request::get(path);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let request = request.body(()).expect("a request");
    admit(broker, wire(peer), &["broker.test".to_owned()], &request).await
}

/// The status of an answer, if it is refused.
async fn status(
    broker: &Broker,
    peer: [u8; 4],
    path: &str,
    header: Option<(&str, &str)>,
) -> Option<u16> {
    let refused = visitor(broker, peer, path, header).await.err()?;
    let asks = refused.headers().contains_key(WWW_AUTHENTICATE);
    assert_eq!(asks, refused.status() == StatusCode::UNAUTHORIZED);
    Some(refused.status().as_u16())
}

/// A broker that knows `ann`, to whom these lines grant something, and `bob`; the file of grants is in its folder.
fn guarded(folder: &TempDir, granted: &str) -> Arc<Broker> {
    let grants = folder.path().join("grants.toml");
    std::fs::write(&grants, format!("[users.ann]\n{granted}")).expect("it is written");
    let users = Users::path_in(folder.path());
    for name in ["ann", "bob"] {
        Users::change(&users, |it| it.set(name, "a:b")).expect("it is added");
    }
    let mut options = Options::new(folder.path());
    options.access.is_on = true;
    options.access.grants = Some(grants);
    Broker::open(options).expect("it opens").0
}

fn basic(text: &str) -> String {
    format!("Basic {}", STANDARD.encode(text))
}

#[tokio::test]
async fn users_see_what_they_may_and_others_whether_it_works() {
    let folder = TempDir::new().expect("a folder");
    let broker = guarded(&folder, "metrics = true\n");
    let ask = async |peer, path, text: &str| {
        let value = basic(text);
        status(&broker, peer, path, Some(("Authorization", &value))).await
    };
    assert_eq!(ask(LOCAL, "/metrics", "ann:a:b").await, None);
    assert_eq!(ask(LOCAL, "/metrics", "bob:a:b").await, Some(403));
    assert_eq!(ask(LOCAL, "/", "ann:wrong").await, Some(401));
    assert_eq!(ask(LOCAL, "/anything", "eve:a:b").await, Some(401));
    assert_eq!(ask(LOCAL, "/metrics", "ann").await, Some(401));
    for wrong in ["Basic", "Basic é", "Bearer YW5uOmE6Yg==", "Basic !"] {
        let header = Some(("Authorization", wrong));
        assert_eq!(status(&broker, LOCAL, "/metrics", header).await, Some(401));
    }
    assert_eq!(status(&broker, LOCAL, "/metrics", None).await, Some(401));
    assert_eq!(ask([192, 0, 2, 1], "/metrics", "ann:a:b").await, Some(403));
    for path in [HEALTH, READINESS] {
        assert_eq!(status(&broker, [192, 0, 2, 1], path, None).await, None);
    }
    assert_eq!(broker.access.counts.logins(3), [2, 7]);
}

#[tokio::test]
async fn who_asks_whether_clients_are_served_may_say_who_it_is() {
    let folder = TempDir::new().expect("a folder");
    let broker = guarded(&folder, "metrics = true\n");
    for (text, is_known) in [("ann:a:b", true), ("ann:wrong", false), ("bob:a:b", false)] {
        let value = basic(text);
        let header = Some(("Authorization", value.as_str()));
        let asks = visitor(&broker, LOCAL, READINESS, header).await;
        let asks = asks.expect("everybody may");
        assert_eq!(matches!(asks, Visitor::User(_)), is_known, "{text}");
        // Nobody is asked there, and no password is looked at.
        let before = broker.access.counts.logins(3);
        let asks = visitor(&broker, LOCAL, HEALTH, header).await;
        assert!(matches!(asks, Ok(Visitor::Stranger)));
        assert_eq!(broker.access.counts.logins(3), before);
    }
    let asks = visitor(&broker, LOCAL, READINESS, None).await;
    assert!(matches!(asks, Ok(Visitor::Stranger)));
    let open = TempDir::new().expect("a folder");
    let (open, _) = Broker::open(Options::new(open.path())).expect("it opens");
    for (host, is_ours) in [("localhost", true), ("evil.test", false)] {
        let asks = visitor(&open, LOCAL, READINESS, Some(("Host", host))).await;
        let asks = asks.expect("everybody may");
        assert_eq!(matches!(asks, Visitor::Anybody), is_ours, "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_passwords_are_told_later_and_later() {
    let folder = TempDir::new().expect("a folder");
    let broker = guarded(&folder, "metrics = true\n");
    let ask = async |path, text: &str| {
        let value = basic(text);
        let began = Instant::now();
        let header = Some(("Authorization", value.as_str()));
        let status = status(&broker, LOCAL, path, header).await;
        (status, began.elapsed())
    };
    for least in [100, 100, 100, 200, 400, 800] {
        let (status, took) = ask("/metrics", "ann:wrong").await;
        assert_eq!(status, Some(401));
        let least = Duration::from_millis(least);
        assert!((least..2 * least).contains(&took), "{took:?}");
    }
    // Neither is one that is right late, nor whether clients are served.
    let soon = Duration::from_millis(50);
    let (status, took) = ask("/metrics", "ann:a:b").await;
    assert!(status.is_none() && took < soon, "{status:?} {took:?}");
    let (status, took) = ask(READINESS, "ann:wrong").await;
    assert!(status.is_none() && took < soon, "{status:?} {took:?}");
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_after_wrong_passwords_tries_no_faster() {
    let folder = TempDir::new().expect("a folder");
    let broker = guarded(&folder, "metrics = true\n");
    let ask = async |text: &str| {
        let value = basic(text);
        let header = Some(("Authorization", value.as_str()));
        status(&broker, LOCAL, "/metrics", header).await
    };
    let mut tries = 0;
    let refused = loop {
        let patience = Duration::from_millis(50);
        match tokio::time::timeout(patience, ask("ann:wrong")).await {
            Err(_) => tries += 1,
            Ok(refused) => break refused,
        }
        assert!(tries < 100, "as often as one likes");
    };
    assert_eq!(refused, Some(503));
    assert_eq!(ask("ann:a:b").await, Some(503), "from the same address");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(ask("ann:a:b").await, None);
}

#[tokio::test]
async fn who_finds_too_many_waiting_is_told_when_to_come_again() {
    let folder = TempDir::new().expect("a folder");
    let broker = guarded(&folder, "metrics = true\n");
    let _crowd = broker.access.crowd();
    let value = basic("ann:a:b");
    let header = Some(("Authorization", value.as_str()));
    let refused = visitor(&broker, LOCAL, "/metrics", header).await;
    let refused = refused.expect_err("it was not looked at");
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[RETRY_AFTER], "1");
    for path in [HEALTH, READINESS] {
        assert_eq!(status(&broker, LOCAL, path, header).await, None);
    }
}

#[tokio::test]
async fn who_is_removed_or_granted_less_may_not_watch_any_more() {
    let folder = TempDir::new().expect("a folder");
    let broker = guarded(&folder, "metrics = true\nread = [\"orders\"]\n");
    let access = &broker.access;
    let value = basic("ann:a:b");
    let header = Some(("Authorization", value.as_str()));
    let ann = visitor(&broker, LOCAL, "/live", header).await;
    let ann = ann.expect("she may");
    let reads = |topic| ann.may_read(access, topic);
    assert_eq!(ann.may_watch(access), Ok(()));
    assert!(reads("orders") && !reads("payroll"));
    let grants = folder.path().join("grants.toml");
    std::fs::write(&grants, "[users.ann]\nread = [\"*\"]\n").expect("it is written");
    access.look();
    assert_eq!(ann.may_watch(access), Err(Lost::Grant));
    assert!(reads("payroll"));
    std::fs::write(&grants, "[users.ann]\nadmin = true\n").expect("it is written");
    access.look();
    assert_eq!(ann.may_watch(access), Ok(()));
    assert!(!reads("orders"));
    let users = Users::path_in(folder.path());
    Users::change(&users, |it| it.set("ann", "other")).expect("another password");
    access.look();
    assert_eq!(ann.may_watch(access), Err(Lost::User));
    let (anybody, stranger) = (Visitor::Anybody, Visitor::Stranger);
    assert!(anybody.may_watch(access).is_ok() && anybody.may_read(access, "x"));
    assert!(stranger.may_watch(access).is_err() && !stranger.may_read(access, "x"));
}

#[tokio::test]
async fn without_users_it_is_asked_for_by_its_own_name() {
    let folder = TempDir::new().expect("a folder");
    let (broker, _) = Broker::open(Options::new(folder.path())).expect("it opens");
    let ask = async |host| status(&broker, LOCAL, "/metrics", Some(("Host", host))).await;
    for host in [
        "127.0.0.1:8080",
        "[::1]:8080",
        "localhost",
        "LOCALHOST:1",
        "broker.test:80",
        "tamis:8080",
    ] {
        assert_eq!(ask(host).await, None, "{host}");
    }
    for host in [
        "evil.test",
        "evil.test:8080",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "",
    ] {
        assert_eq!(ask(host).await, Some(403), "{host}");
    }
    assert_eq!(status(&broker, LOCAL, "/metrics", None).await, None);
}
