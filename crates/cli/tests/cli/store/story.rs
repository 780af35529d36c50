//! Goal: what a user does from day to day, from beginning to end.

use std::fs;

use super::Drops;

#[test]
fn a_folder_is_kept_looked_at_and_had_back() {
    let drops = Drops::bare();
    insta::assert_snapshot!(drops.shown(&drops.store("init")), @r"
    exit code: 0
    ----- stderr -----
    made an empty store in `[folder]/.tamis`
    ");
    drops.write("orders.csv", "id,amount\n1,10\n");
    drops.write("notes/todo.txt", "sieve\n");
    insta::assert_snapshot!(drops.shown(&drops.store("status")), @r"
    exit code: 0
    ----- stdout -----
    On branch main, no commits yet

    Never added (`tamis store add PATH` takes them in):
      notes/
      orders.csv
    ");
    insta::assert_snapshot!(drops.shown(&drops.store("add -A")), @r"
    exit code: 0
    ----- stderr -----
    staged 3 paths; [sizes]
    ");
    insta::assert_snapshot!(drops.shown(&drops.store("status")), @r"
    exit code: 0
    ----- stdout -----
    On branch main, no commits yet

    Changes to be committed (`tamis store unstage PATH` takes them back):
      new:        notes/
      new:        notes/todo.txt
      new:        orders.csv
    ");
    let committed = drops.run(&["commit", "-m", "first drop"]);
    insta::assert_snapshot!(drops.shown(&committed), @r"
    exit code: 0
    ----- stdout -----
    [main [id]] first drop
     3 changes; 2 files of 21 B in all; [sizes]
    ");
    insta::assert_snapshot!(drops.shown(&drops.store("status")), @r"
    exit code: 0
    ----- stdout -----
    On branch main, at [id]
    nothing to commit, nothing to add
    ");
    drops.write("orders.csv", "id,amount\n1,10\n2,20\n");
    fs::remove_file(drops.path("notes/todo.txt")).expect("it is there");
    insta::assert_snapshot!(drops.shown(&drops.store("status")), @r"
    exit code: 0
    ----- stdout -----
    On branch main, at [id]

    Changes since they were added (`tamis store add PATH` takes them in):
      deleted:    notes/todo.txt
      modified:   orders.csv
    ");
    drops.commit("second drop");
    insta::assert_snapshot!(drops.shown(&drops.store("log")), @r"
    exit code: 0
    ----- stdout -----
    commit [id] (HEAD -> main)
    Author: tester
    Date:   [date]

        second drop

    commit [id]
    Author: tester
    Date:   [date]

        first drop
    ");
    insta::assert_snapshot!(drops.shown(&drops.store("diff HEAD~1 HEAD")), @r"
    exit code: 1
    ----- stdout -----
    D	notes/todo.txt
    M	orders.csv
    ----- stderr -----
    1 removed, 1 modified, 1 of folders whose time alone is another
    ");
    insta::assert_snapshot!(drops.shown(&drops.store("get HEAD~1:notes/todo.txt -o back")), @r"
    exit code: 0
    ----- stderr -----
    wrote 1 file of 6 B into `back`
    ");
    assert_eq!(drops.0.read("back/todo.txt"), "sieve\n");
    assert_eq!(
        drops.store("cat HEAD~1:orders.csv").stdout,
        "id,amount\n1,10\n"
    );
    insta::assert_snapshot!(drops.shown(&drops.store("checkout HEAD -o whole")), @r"
    exit code: 0
    ----- stderr -----
    wrote 1 file of 20 B, 1 folder into `whole`
    ");
    assert_eq!(drops.0.read("whole/orders.csv"), "id,amount\n1,10\n2,20\n");
    assert!(drops.path("whole/notes").is_dir());
}

#[test]
fn nothing_to_commit_is_no_error() {
    let drops = Drops::new();
    insta::assert_snapshot!(drops.store("commit -m nothing"), @r"
    exit code: 0
    ----- stderr -----
    nothing to commit; `tamis store add -A` takes in what has changed
    ");
    assert_eq!(
        drops.json("commit -m nothing")["commit"],
        serde_json::Value::Null
    );
    drops.write("a", "a");
    drops.commit("something");
    insta::assert_snapshot!(drops.store("commit -m again"), @r"
    exit code: 0
    ----- stderr -----
    nothing to commit; `tamis store add -A` takes in what has changed
    ");
    let forced = drops.store("commit -m again --allow-empty");
    assert!(forced.stdout.contains(" 0 changes; "), "{forced}");
    let log = drops.json("log");
    let messages: Vec<_> = log["commits"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["message"])
        .collect();
    assert_eq!(messages, ["again", "something"]);
}

#[test]
fn the_help_of_each_verb_has_an_example() {
    let drops = Drops::bare();
    let help = drops.store("--help").stdout;
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let verbs: Vec<_> = verbs
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.len() > 20, "{verbs:?}");
    for verb in verbs {
        let help = drops.run(&[verb, "--help"]).stdout;
        let example = format!("\nExamples:\n  tamis store {verb}");
        assert!(help.contains(&example), "{verb}: {help}");
    }
}
