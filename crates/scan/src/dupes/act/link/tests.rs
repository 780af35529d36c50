//! What takes a copy's name in the last moment is put back, or kept: each step is taken alone, with a change before it.

use std::fs;
use std::path::Path;

use super::*;

/// A folder with an original `a`, its copy `b` and other files, and places to deal with.
struct Setting {
    folder: tempfile::TempDir,
}

impl Setting {
    fn new() -> Setting {
        let setting = Setting {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        for (name, text) in [("a", "the same"), ("b", "the same"), ("c", "a new text")] {
            setting.write(name, text);
        }
        setting
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("there is room");
    }

    /// What an editor does when it saves a file.
    fn save(&self, name: &str, text: &str) {
        self.write("new", text);
        fs::rename(self.path("new"), self.path(name)).expect("it can be renamed");
    }

    fn place(&self, name: &str) -> Place {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Place {
            folder: openat(CWD, self.folder.path(), flags, Mode::empty()).expect("it is there"),
            name: name.into(),
        }
    }

    fn stat(&self, name: &str) -> Stat {
        self.place(name).stat().expect("it is there")
    }

    /// The texts of all files; those under temporary names come first, without their names.
    fn texts(&self) -> Vec<(String, String)> {
        let text = |path: &Path| fs::read_to_string(path).expect("it can be read");
        let entries = fs::read_dir(self.folder.path()).expect("it can be read");
        let mut texts: Vec<_> = entries
            .map(|entry| entry.expect("an entry"))
            .map(|entry| {
                (
                    entry.file_name().to_string_lossy().into_owned(),
                    text(&entry.path()),
                )
            })
            .map(|(name, text)| {
                (
                    if name.ends_with(".tmp") {
                        String::new()
                    } else {
                        name
                    },
                    text,
                )
            })
            .collect();
        texts.sort();
        texts
    }

    fn assert_texts(&self, expected: &[(&str, &str)]) {
        let texts = self.texts();
        let texts: Vec<_> = texts
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        assert_eq!(texts, expected);
    }

    /// A link to `a` beside `b`.
    fn link<'a>(&self, copy: &'a Place) -> Aside<'a> {
        hard_link(&self.place("a"), copy, &self.stat("a")).expect("links can be made")
    }
}

#[test]
fn what_was_saved_under_the_copys_name_is_put_back() {
    let setting = Setting::new();
    let (copy, expected) = (setting.place("b"), setting.stat("b"));
    let link = setting.link(&copy);
    setting.save("b", "saved");
    let result = link.change_places(&copy, &expected);
    assert!(matches!(result, Err(Reason::Changed)), "{result:?}");
    setting.assert_texts(&[("a", "the same"), ("b", "saved"), ("c", "a new text")]);
}

#[test]
fn what_cannot_be_put_back_is_kept_and_named() {
    type Change = fn(&Setting);
    // While the link has the copy's place, that is removed, and that is saved once more.
    let changes: [(Change, &[(&str, &str)]); 2] = [
        (
            |setting| fs::remove_file(setting.path("b")).expect("it is there"),
            &[("", "saved"), ("a", "the same"), ("c", "a new text")],
        ),
        (
            |setting| setting.save("b", "saved again"),
            &[
                ("", "saved again"),
                ("a", "the same"),
                ("b", "saved"),
                ("c", "a new text"),
            ],
        ),
    ];
    for (change, expected_texts) in changes {
        let setting = Setting::new();
        let (copy, expected) = (setting.place("b"), setting.stat("b"));
        let link = setting.link(&copy);
        setting.save("b", "saved");
        link.exchange(&copy).expect("names can be exchanged");
        change(&setting);
        let name = link.name.to_string_lossy().into_owned();
        let reason = link
            .settle(&copy, &expected)
            .expect_err("it cannot be put back");
        assert!(
            matches!(&reason, Reason::Aside { kept, .. } if *kept == name),
            "{reason:?}"
        );
        assert!(
            reason
                .to_string()
                .contains(&format!("kept beside it as `{name}`"))
        );
        setting.assert_texts(expected_texts);
    }
}

#[test]
fn a_link_goes_only_if_it_is_the_one_that_was_made() {
    let setting = Setting::new();
    let copy = setting.place("b");
    drop(setting.link(&copy));
    setting.assert_texts(&[("a", "the same"), ("b", "the same"), ("c", "a new text")]);
    let link = setting.link(&copy);
    fs::rename(setting.path("c"), setting.folder.path().join(&link.name))
        .expect("it can be renamed");
    drop(link);
    setting.assert_texts(&[("", "a new text"), ("a", "the same"), ("b", "the same")]);
}

/// Takes a file away, as where a rename replaces whatever has the name, or as elsewhere.
fn away(copy: &Place, is_plain: bool) -> Aside<'_> {
    let mut away = Aside::new(copy);
    match is_plain {
        true => away.take_away_plainly(copy),
        false => away.take_away(copy),
    }
    .expect("it can be renamed");
    assert!(copy.stat().is_err(), "its name is free");
    away
}

#[test]
fn a_file_that_is_to_go_is_looked_at_once_more() {
    // With renames that replace nothing and with those that do.
    for is_plain in [false, true] {
        let away = |copy| away(copy, is_plain);
        let give_back = |away: &Aside<'_>, copy: &Place| match is_plain {
            true => away.give_back_plainly(copy),
            false => away.give_back(copy),
        };
        let setting = Setting::new();
        let (copy, expected) = (setting.place("b"), setting.stat("b"));
        let (original, original_stat) = (setting.place("a"), setting.stat("a"));
        let original = (&original, &original_stat);
        // Something else has the name.
        setting.save("b", "saved");
        let result = remove_from(&away(&copy), &copy, &expected, original, "a");
        assert!(matches!(result, Err(Reason::Changed)), "{result:?}");
        setting.assert_texts(&[("a", "the same"), ("b", "saved"), ("c", "a new text")]);
        give_back(&away(&copy), &copy).expect("the name is free");
        setting.assert_texts(&[("a", "the same"), ("b", "saved"), ("c", "a new text")]);
        // And something else once more while that is away.
        let second = away(&copy);
        setting.save("b", "saved again");
        let result = give_back(&second, &copy);
        assert!(matches!(result, Err(Reason::Aside { .. })), "{result:?}");
        drop(second);
        setting.assert_texts(&[
            ("", "saved"),
            ("a", "the same"),
            ("b", "saved again"),
            ("c", "a new text"),
        ]);
    }
}

#[test]
fn a_copy_stays_unless_the_original_does() {
    type Change = fn(&Setting);
    type IsExpected = fn(&Reason) -> bool;
    let changes: [(Change, IsExpected); 3] = [
        (
            |setting| fs::remove_file(setting.path("a")).expect("it is there"),
            |reason| matches!(reason, Reason::Same { .. }),
        ),
        (
            |setting| setting.save("a", "saved"),
            |reason| matches!(reason, Reason::OriginalChanged { .. }),
        ),
        (
            |setting| {
                fs::remove_file(setting.path("a")).expect("it is there");
                fs::create_dir(setting.path("a")).expect("there is room");
            },
            |reason| matches!(reason, Reason::OriginalChanged { .. }),
        ),
    ];
    for (change, is_expected) in changes {
        let setting = Setting::new();
        let (copy, expected) = (setting.place("b"), setting.stat("b"));
        let (original, original_stat) = (setting.place("a"), setting.stat("a"));
        change(&setting);
        let reason = remove(&copy, &expected, (&original, &original_stat), "a")
            .expect_err("the original is gone");
        assert!(is_expected(&reason), "{reason:?}");
        assert_eq!(
            fs::read_to_string(setting.path("b")).expect("it is there"),
            "the same"
        );
    }
    // Another name, or another mode, is no other file.
    let setting = Setting::new();
    let (copy, expected) = (setting.place("b"), setting.stat("b"));
    let (original, original_stat) = (setting.place("a"), setting.stat("a"));
    fs::hard_link(setting.path("a"), setting.path("d")).expect("links can be made");
    remove(&copy, &expected, (&original, &original_stat), "a").expect("nothing has changed");
    setting.assert_texts(&[("a", "the same"), ("c", "a new text"), ("d", "the same")]);
}

#[test]
fn what_was_taken_away_in_vain_leaves_nothing() {
    let setting = Setting::new();
    let place = setting.place("nowhere");
    let mut away = Aside::new(&place);
    away.take_away_plainly(&place)
        .expect_err("there is no such file");
    drop(away);
    setting.assert_texts(&[("a", "the same"), ("b", "the same"), ("c", "a new text")]);
}
