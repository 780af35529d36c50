//! A disk that does nothing more after so many operations: wherever `gc` ends, the store can be opened and has everything, and the next
//! `gc` goes on.

use super::*;
use crate::testing::dying_disk;

#[test]
fn it_may_be_killed_at_any_point() {
    let place = Place::new();
    let first = place.commit(&files(&[("a", noise(1, 3000)), ("b", noise(2, 3000))]));
    let middle = place.commit(&files(&[("c", noise(3, 3000)), ("d", noise(4, 3000))]));
    let last = files(&[("b", noise(2, 3000)), ("d", noise(4, 3000))]);
    let head = place.commit(&last);
    let store = place.open();
    store.forget_commits(&[first, middle]).expect("no head");
    let needed = objects_of(&store, head);
    drop(store);
    let kept = [(head, last)];
    for operations in 0.. {
        assert!(operations < 200, "it ends some time");
        let copy = copy_of(&place.store_folder());
        let killed = {
            let settings = Settings::default();
            let store = Store::open_on(
                dying_disk(copy.path(), operations),
                copy.path(),
                settings,
                &Cancel::new(),
            );
            store.expect("it can be opened").collect(&now())
        };
        assert_all_there(copy.path(), &kept);
        let again = open(copy.path())
            .collect(&now())
            .expect("it can be collected");
        assert_eq!((again.is_postponed, again.bytes_in_trash), (None, 0));
        assert_all_there(copy.path(), &kept);
        assert_eq!(objects_in(copy.path(), "packs"), needed);
        let drafts = fs::read_dir(copy.path().join("tmp"));
        assert_eq!(drafts.expect("a folder").count(), 0);
        if killed.is_ok() {
            assert!(operations > 10, "there are steps to be killed at");
            break;
        }
    }
}
