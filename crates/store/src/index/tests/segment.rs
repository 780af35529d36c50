//! One segment against a map.

use proptest::prelude::*;
use tamis_engine::mmap::install_fault_handler;

use super::*;
use crate::index::region::Access;
use crate::testing::cases;

fn check(packs: &[Vec<ObjectId>], others: &[ObjectId]) {
    install_fault_handler().expect("the handler can be installed");
    let store = store();
    let path = write(packs, store.path());
    let expected = model(packs);
    for access in [Access::Mapped, Access::Read] {
        let segment = Segment::open_with(&path, access).expect("it was just written");
        assert_eq!(segment.region().is_mapped(), access == Access::Mapped);
        segment.verify().expect("it is whole");
        assert_eq!(segment.packs().len(), packs.len());
        assert_eq!(segment.entry_count(), expected.len() as u64);
        for id in expected.keys().chain(others) {
            let found = segment.find(id).expect("it can be read");
            assert_eq!(found.as_ref(), expected.get(id), "{id}");
        }
        let entries = segment.entries().collect::<crate::Result<Vec<_>>>();
        let entries = entries.expect("it can be read");
        assert_eq!(entries.len(), expected.len());
        for ((entry, (id, place)), ordinal) in entries.iter().zip(&expected).zip(0..) {
            assert_eq!(
                (entry.id, entry.place, entry.ordinal),
                (*id, *place, ordinal)
            );
            assert_eq!(segment.ordinal(id).expect("it can be read"), Some(ordinal));
        }
    }
    let bytes = fs::read(&path).expect("it was just written");
    check_segment(&bytes).expect("it is whole");
    assert!(
        fs::read_dir(store.path().join("tmp"))
            .expect("a folder")
            .next()
            .is_none()
    );
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn a_segment_finds_what_a_map_finds(packs in any_packs(), others in prop::collection::vec(any_id(), 0..100)) {
        check(&packs, &others);
    }
}

#[test]
fn segments_can_be_small() {
    let others = [id(1), id(2), ObjectId([0; 32]), ObjectId([0xff; 32])];
    check(&[], &others);
    check(&[vec![]], &others);
    check(&[vec![id(1)]], &others);
    check(
        &[vec![ObjectId([0; 32])], vec![], vec![ObjectId([0xff; 32])]],
        &others,
    );
}

#[test]
fn windows_and_many_buckets_change_nothing() {
    let ids = |range: std::ops::Range<u32>| range.map(id).collect::<Vec<_>>();
    check(&[ids(0..9000), ids(8000..12_000)], &ids(12_000..14_000));
}

#[test]
fn a_thousand_ids_can_share_a_prefix() {
    let mut ids = (0..1000).map(id).collect::<Vec<_>>();
    ids.iter_mut().for_each(|id| id.0[..8].fill(7));
    let mut other = ids[3];
    other.0[31] ^= 1;
    check(&[ids], &[other]);
}

#[test]
fn few_ids_pass_the_filter_by_chance() {
    let store = store();
    let path = write(&[(0..100_000).map(id).collect()], store.path());
    let segment = Segment::open(&path).expect("it was just written");
    let passes = |number| segment.filter_has(&id(number)).expect("it can be read");
    assert!((0..100_000).step_by(100).all(passes));
    let passed = (100_000..200_000).filter(|&number| passes(number)).count();
    assert!(passed < 2000, "{passed} of 100000");
    // A filter with bits to spare would be too large.
    assert!(passed > 200, "{passed} of 100000");
}

#[test]
fn a_segment_is_named_by_what_it_holds() {
    let packs = [vec![id(1), id(2)], vec![id(3)]];
    let (one, two) = (store(), store());
    let paths = [write(&packs, one.path()), write(&packs, two.path())];
    assert_eq!(paths[0].file_name(), paths[1].file_name());
    let renamed = one.path().join("index").join(FileId([7; 32]).to_string());
    fs::rename(&paths[0], &renamed).expect("it can be renamed");
    let error = Segment::open(&renamed).expect_err("it has a wrong name");
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}
