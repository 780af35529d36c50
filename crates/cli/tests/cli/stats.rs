//! `tamis stats`: the tables, the JSON, the page, and how it fails.

use crate::shell::Shell;

const ORDERS: &str = "id,country,amount,day\n\
    1,DE,2.50,2024-01-01\n2,DE,NA,2024-01-02\n3,FR,10.00,2024-01-05\n4,DE,-1.25,2024-01-03\n5\n";

#[test]
fn the_tables() {
    let shell = Shell::new();
    shell.write("orders.csv", ORDERS);
    let ran = shell.tamis("stats orders.csv");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let expected = "\
orders.csv: 5 rows, 4 columns, 1 of them malformed

  column   type      nulls  distinct  min         max         length
  id       integer       0         4  1           4
  country  string        0         2  DE          FR          2
  amount   number   25.0 %         3  -1.25       10
  day      date          0         4  2024-01-01  2024-01-05

  column    sum  mean  deviation         5 %        25 %      median        75 %        95 %
  id         10   2.5    1.29099           1           1           2           3           4
  amount  11.25  3.75    5.72822       -1.25       -1.25         2.5          10          10
  day                             2024-01-01  2024-01-01  2024-01-02  2024-01-03  2024-01-05

  column   most frequent                                      shapes
  id       1 25 %, 2 25 %, 3 25 %, 4 25 %
  country  DE 75 %, FR 25 %                                   AA 100 %
  amount   -1.25 33 %, 10.00 33 %, 2.50 33 %
  day      2024-01-01 25 %, 2024-01-02 25 %, 2024-01-03 25 %

the first malformed record is at byte 106 of `orders.csv`: has 1 field, the header has 4
`NA` is null: without it `amount` has a type (`--missing-values` says otherwise)
";
    assert_eq!(ran.stdout, expected);
    assert!(ran.stderr.contains("5 rows; 108 B in "), "{}", ran.stderr);
}

#[test]
fn less_is_found_out_if_less_is_asked_for() {
    let shell = Shell::new();
    shell.write("orders.csv", ORDERS);
    let core = shell.tamis("stats orders.csv --core --json --quiet");
    let report: serde_json::Value = serde_json::from_str(&core.stdout).expect("JSON");
    assert_eq!(core.stderr, "");
    let amount = &report["columns"][2];
    assert_eq!(amount["sum"], serde_json::json!(11.25));
    assert!(amount["top"].is_null() && amount["quantiles"].is_null());
    let only = shell.tamis("stats orders.csv --only type,nulls,top --columns country --json");
    let report: serde_json::Value = serde_json::from_str(&only.stdout).expect("JSON");
    assert_eq!(report["columns"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["columns"][0]["top"]["values"][0]["value"], "DE");
    assert!(report["columns"][0]["distinct"].is_null());
}

#[test]
fn a_profile_is_a_page() {
    let shell = Shell::new();
    shell.write("orders.csv", ORDERS);
    let ran = shell.tamis("stats orders.csv --html profile.html");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let page = shell.read("profile.html");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    let refused = shell.tamis("stats orders.csv --html profile.html");
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("`profile.html` exists"),
        "{}",
        refused.stderr
    );
    assert_eq!(
        shell
            .tamis("stats orders.csv --html profile.html --force")
            .code,
        Some(0)
    );
    let same = shell.tamis("stats orders.csv --html orders.csv --force");
    assert!(
        same.stderr.contains("would replace `orders.csv`"),
        "{}",
        same.stderr
    );
    assert_eq!(shell.read("orders.csv"), ORDERS);
}

#[test]
fn what_cannot_be_done_is_said() {
    let shell = Shell::new();
    shell.write("orders.csv", ORDERS);
    for (arguments, code, said) in [
        (
            "stats orders.csv --columns nope",
            2,
            "no column is named `nope`",
        ),
        (
            "stats orders.csv --columns nope",
            2,
            "there are `id`, `country`, `amount`, `day`",
        ),
        (
            "stats orders.csv --only median",
            2,
            "expected some of type, distinct, range",
        ),
        ("stats missing.csv", 3, "missing.csv"),
        ("stats - -", 2, "standard input can be read once only"),
    ] {
        let ran = shell.tamis(arguments);
        assert_eq!(ran.code, Some(code), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{arguments}: {}", ran.stderr);
    }
}
