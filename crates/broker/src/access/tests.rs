//! Logins, from the first message to the last.

use tempfile::TempDir;
use tokio::time::Instant;

use super::*;

impl Access {
    /// Has passwords that come from this machine find both queues full, as long as what comes back is there.
    pub(crate) fn crowd(&self) -> impl Sized {
        let logins = self.logins.as_ref().expect("it asks");
        logins.passwords.crowd([127, 0, 0, 1].into())
    }
}

/// Who asks, and knows `ann` by her password `secret`.
fn guard(folder: &TempDir) -> Access {
    let users = Users::path_in(folder.path());
    Users::change(&users, |it| it.set("ann", "secret")).expect("she is added");
    let options = AccessOptions {
        is_on: true,
        ..AccessOptions::default()
    };
    Access::open(&options, folder.path()).expect("it opens")
}

/// What somebody is answered who comes from there and says this, by PLAIN, and how long it took.
async fn log_in(access: &Access, peer: [u8; 4], message: &str) -> (Reply, Duration) {
    let wire = Wire {
        peer: peer.into(),
        is_encrypted: true,
    };
    let client = access.client(wire);
    let mechanism = Mechanism::Plain.name();
    access.choose(&client, mechanism, false).expect("served");
    let began = Instant::now();
    let reply = access.answer(&client, message.as_bytes()).await;
    (reply, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_later_and_later_and_a_right_password_is_not() {
    const HERE: [u8; 4] = [192, 0, 2, 1];
    let folder = TempDir::new().expect("a folder");
    let access = guard(&folder);
    let mut pauses = Vec::new();
    // The same for one who is not there, and for what is no login.
    for message in ["\0ann\0wrong", "\0eve\0secret", "ann"]
        .iter()
        .cycle()
        .take(9)
    {
        let (reply, took) = log_in(&access, HERE, message).await;
        assert_eq!(reply, Reply::Refused);
        pauses.push(took.as_millis());
    }
    let expected = [100, 100, 100, 200, 400, 800, 1600, 3200, 3200];
    let is_so = |(took, least): (&u128, u128)| (least..least + 50).contains(took);
    assert!(pauses.iter().zip(expected).all(is_so), "{pauses:?}");
    for peer in [HERE, [192, 0, 2, 2]] {
        let (reply, took) = log_in(&access, peer, "\0ann\0secret").await;
        assert_eq!(reply, Reply::In(Vec::new()));
        assert!(took < Duration::from_millis(50), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_when_too_many_wait_may_come_again() {
    let folder = TempDir::new().expect("a folder");
    let access = guard(&folder);
    let crowd = access.crowd();
    let come = async || log_in(&access, [127, 0, 0, 1], "\0ann\0secret").await.0;
    assert_eq!(come().await, Reply::Crowded);
    drop(crowd);
    assert_eq!(come().await, Reply::In(Vec::new()));
    assert_eq!(access.counts.logins(0), [1, 1]);
}

/// Has `ann` log in by SCRAM while something happens between her two messages; returns what she is answered.
async fn log_in_while(meanwhile: impl FnOnce(&Path)) -> (Reply, Option<String>) {
    let folder = TempDir::new().expect("a folder");
    let users = Users::path_in(folder.path());
    let access = guard(&folder);
    let client = access.local_client();
    let mechanism = Mechanism::ScramSha256.name();
    access
        .choose(&client, mechanism, false)
        .expect("it is served");
    let Reply::Go(answer) = access.answer(&client, b"n,,n=ann,r=abc").await else {
        panic!("she is to prove it");
    };
    let answer = String::from_utf8(answer).expect("a text");
    let last = scram::tests::prove(Hash::Sha256, b"secret", "n=ann,r=abc", &answer);
    meanwhile(&users);
    let reply = access.answer(&client, last.as_bytes()).await;
    (reply, client.user().map(str::to_owned))
}

#[tokio::test]
async fn who_is_removed_in_the_middle_of_a_login_is_not_let_in() {
    let (reply, user) = log_in_while(|_| {}).await;
    assert!(matches!(reply, Reply::In(_)));
    assert_eq!(user.as_deref(), Some("ann"));
    let removed = |users: &Path| {
        let changed = Users::change(users, |it| Ok(it.remove("ann")));
        assert!(changed.expect("she goes"));
    };
    let changed = |users: &Path| {
        Users::change(users, |it| it.set("ann", "other")).expect("another password");
    };
    let damaged = |users: &Path| std::fs::write(users, "{}").expect("it is damaged");
    for meanwhile in [&removed as &dyn Fn(&Path), &changed, &damaged] {
        assert_eq!(log_in_while(meanwhile).await, (Reply::Refused, None));
    }
}
