//! Logins, from the first message to the last.

use tempfile::TempDir;

use super::*;

/// Has `ann` log in by SCRAM while something happens between her two messages; returns what she is answered.
async fn log_in_while(meanwhile: impl FnOnce(&Path)) -> (Reply, Option<String>) {
    let folder = TempDir::new().expect("a folder");
    let users = Users::path_in(folder.path());
    Users::change(&users, |it| it.set("ann", "secret")).expect("she is added");
    let options = AccessOptions {
        is_on: true,
        ..AccessOptions::default()
    };
    let access = Access::open(&options, folder.path()).expect("it opens");
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
