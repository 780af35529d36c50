//! More to be rewritten than is published at once.

use super::*;

/// Goal: much that is rewritten is published bit by bit; nothing is lost, and nothing is left of the garbage.
#[test]
fn much_is_rewritten_in_rounds() {
    let place = Place::new();
    let mut kept = Files::new();
    let mut forgotten = Vec::new();
    for number in 0..8 {
        let (needed, garbage) = (noise(2 * number, 3000), noise(2 * number + 1, 3000));
        kept.insert(format!("{number}"), needed);
        let mut version = kept.clone();
        version.insert("garbage".to_owned(), garbage);
        forgotten.push(place.commit(&version));
    }
    let head = place.commit(&kept);
    let mut store = place.open();
    store.forget_commits(&forgotten).expect("no head");
    let before = store.objects().index().generation();
    let collected = store.collect(&now()).expect("it can be collected");
    let rounds = store.objects().index().generation() - before;
    assert!(rounds > 3, "{rounds} publications");
    assert!(collected.packs_rewritten >= 8);
    let needed = objects_of(&store, head);
    drop(store);
    assert_all_there(&place.store_folder(), &[(head, kept)]);
    assert_eq!(objects_in(&place.store_folder(), "packs"), needed);
}
