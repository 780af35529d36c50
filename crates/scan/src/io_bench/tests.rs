//! Every way reads every byte, whatever the threads; plans and reports are what they should be.

use std::fs;
use std::path::Path;

use super::plan::{PlanOptions, jobs, make_file, order};
use super::report::Results;
use super::run::measure;
use super::*;
use tamis_engine::control::Cancel;

fn options(path: &Path, small: Option<(PathBuf, u64)>) -> PlanOptions {
    PlanOptions {
        path: path.to_owned(),
        len_bytes: path.metadata().expect("it is there").len(),
        small,
        threads: 3,
        can_evict: true,
        is_quick: false,
        passes: 2,
        seed: 7,
    }
}

#[test]
fn all_ways_read_the_same() {
    tamis_engine::mmap::install_fault_handler().expect("the handler can be installed");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("text");
    // Not a multiple of any block.
    make_file(&path, 9_300_001, 1, &Cancel::new()).expect("there is room");
    let text = fs::read(&path).expect("it is there");
    let lines = text.iter().filter(|&&byte| byte == b'\n').count() as u64;
    let small = small::make(&path, 30, 1).expect("there is room");
    let plan = jobs(&options(&path, Some((small.path().to_owned(), 30))));
    let mut skipped = Vec::new();
    let mut of_small = None;
    for job in plan {
        match measure(&job).expect("it can be read") {
            Measured::Skipped(reason) => skipped.push((job.way, reason)),
            Measured::Figures(figures) => {
                assert_eq!(figures.seconds.len(), 2, "{job:?}");
                match (job.pattern, job.work) {
                    (Pattern::Sequential, Work::Lines) => {
                        assert_eq!(
                            (figures.bytes, figures.count),
                            (9_300_001, lines),
                            "{job:?}"
                        );
                    }
                    (Pattern::Sequential, Work::Search) => {
                        assert_eq!(figures.bytes, 9_300_001, "{job:?}")
                    }
                    (Pattern::Random { reads }, _) => {
                        let read = figures.bytes;
                        assert!(
                            read > (reads - 1) * 4096 && read <= reads * 4096,
                            "{job:?}: {read}"
                        );
                    }
                    (Pattern::SmallFiles { .. }, _) => {
                        let same = *of_small.get_or_insert((figures.bytes, figures.count));
                        assert_eq!((figures.bytes, figures.count), same, "{job:?}");
                    }
                }
                if job.way == Way::Auto && job.pattern == Pattern::Sequential {
                    assert!(figures.backend.is_some());
                }
            }
        }
    }
    let may_be_skipped = |way: &Way| matches!(way, Way::Uring { .. } | Way::Direct { .. });
    assert!(
        skipped.iter().all(|(way, _)| may_be_skipped(way)),
        "{skipped:?}"
    );
}

#[test]
fn short_and_interrupted_reads_are_gone_on_with() {
    use super::file::Filling;
    let error = |kind: std::io::ErrorKind| Err(kind.into());
    // Past the page cache: from where a page begins.
    for (step, after_short) in [(1, 10_000), (4096, 8192)] {
        let mut filling = Filling::new(20_000, step);
        for kind in [
            std::io::ErrorKind::Interrupted,
            std::io::ErrorKind::WouldBlock,
        ] {
            filling.add(error(kind)).expect("it passes");
            assert_eq!(filling.filled(), 0);
        }
        filling.add(Ok(10_000)).expect("it is not the end");
        assert_eq!((filling.filled(), filling.is_done()), (after_short, false));
        let ended = filling.add(Ok(0)).expect_err("it is the end");
        assert_eq!(ended.kind(), std::io::ErrorKind::UnexpectedEof);
        let refused = error(std::io::ErrorKind::InvalidInput);
        filling.add(refused).expect_err("it stays so");
        filling
            .add(Ok(20_480 - after_short))
            .expect("all of it came");
        assert!(filling.is_done());
        assert_eq!(filling.expected(), 20_000);
    }
    let mut filling = Filling::new(20_000, 4096);
    filling
        .add(Ok(100))
        .expect_err("asking again would bring the same");
}

/// A file that is shorter than it was when its length was taken.
#[test]
fn what_fails_after_the_first_byte_is_not_refused() {
    tamis_engine::mmap::install_fault_handler().expect("the handler can be installed");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("text");
    make_file(&path, 5_000_000, 1, &Cancel::new()).expect("there is room");
    let plan = jobs(&options(&path, None));
    let file = fs::File::options().write(true).open(&path);
    file.and_then(|file| file.set_len(2_345_678))
        .expect("it can be cut");
    let is_read = |job: &&Job| {
        job.pattern == Pattern::Sequential
            && matches!(
                job.way,
                Way::Pread { .. } | Way::Direct { .. } | Way::Uring { .. }
            )
    };
    for job in plan.iter().filter(is_read) {
        match measure(job) {
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{job:?}"),
            Ok(Measured::Skipped(_)) => assert!(!matches!(job.way, Way::Pread { .. }), "{job:?}"),
            Ok(Measured::Figures(figures)) => panic!("{job:?}: {figures:?}"),
        }
    }
}

#[test]
fn a_plan_has_every_way_for_every_number_of_threads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("text");
    fs::write(&path, "text\n").expect("there is room");
    let all = jobs(&PlanOptions {
        threads: 6,
        ..options(&path, None)
    });
    let threads = |way: Way| -> Vec<usize> {
        let of = all.iter().filter(|job| {
            (job.way, job.pattern, job.temperature, job.work)
                == (way, Pattern::Sequential, Temperature::Warm, Work::Lines)
        });
        of.map(|job| job.threads).collect()
    };
    assert_eq!(threads(Way::Mmap(MapKind::Plain)), [1, 2, 4, 6]);
    assert_eq!(threads(Way::Read { buffer_bytes: 4096 }), [1]);
    let quick = jobs(&PlanOptions {
        is_quick: true,
        can_evict: false,
        ..options(&path, None)
    });
    assert!(quick.len() * 3 < all.len());
    assert!(quick.iter().all(|job| job.temperature == Temperature::Warm));
    let orders: Vec<_> = (0..3).map(|round| order(50, 9, round)).collect();
    assert_eq!(orders[0], order(50, 9, 0));
    assert_ne!(orders[0], orders[1]);
    let mut sorted = orders[2].clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..50).collect::<Vec<_>>());
}

#[test]
fn a_made_file_follows_from_its_seed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = |name: &str, seed: u64| {
        let path = folder.path().join(name);
        make_file(&path, 3_000_000, seed, &Cancel::new()).expect("there is room");
        fs::read(path).expect("it is there")
    };
    let (one, same, other) = (made("one", 1), made("same", 1), made("other", 2));
    assert_eq!(one.len(), 3_000_000);
    assert!(one == same && one != other);
    let lines = one.split(|&byte| byte == b'\n');
    assert!(lines.clone().all(|line| line.len() < 100) && lines.count() > 30_000);
}

fn job(way: Way, threads: usize) -> Job {
    Job {
        way,
        pattern: Pattern::Sequential,
        temperature: Temperature::Warm,
        work: Work::Lines,
        threads,
        passes: 2,
        path: "text".into(),
        len_bytes: 1_000,
        seed: 0,
    }
}

fn run(seconds: [f64; 2]) -> Measured {
    Measured::Figures(Figures {
        seconds: seconds.to_vec(),
        bytes: 1_000,
        count: 10,
        minor_faults: Some(5),
        major_faults: Some(1),
        peak_rss_bytes: Some(7),
        resident: 1.0,
        backend: Some("mmap".to_owned()),
    })
}

#[test]
fn rows_are_medians() {
    let read = Way::Read {
        buffer_bytes: 65_536,
    };
    let results = Results {
        options: options(Path::new("Cargo.toml"), None),
        rounds: 3,
        jobs: vec![
            (
                job(read, 1),
                vec![run([1.0, 0.5]), run([4.0, 1.0]), run([2.0, 1.0])],
            ),
            (job(Way::Auto, 1), vec![run([2.0, 2.0])]),
            (job(Way::Auto, 2), vec![run([1.0, 1.0])]),
            (
                job(
                    Way::Uring {
                        depth: 8,
                        is_direct: false,
                    },
                    1,
                ),
                vec![Measured::Skipped("not permitted".to_owned()); 3],
            ),
        ],
    };
    let sections = results.sections();
    let [section] = sections.as_slice() else {
        panic!("{sections:?}");
    };
    let row = &section.rows[0];
    assert_eq!(
        (row.rate, row.spread, row.again),
        (500.0, (250.0, 1000.0), Some(2.0))
    );
    assert_eq!((row.faults, row.speedup), (Some((5, 1)), None));
    assert_eq!(section.rows[2].speedup, Some(2.0));
    assert_eq!(section.skipped.len(), 1);
    let verdicts = results.verdicts();
    assert_eq!((verdicts[0].factor, verdicts[0].is_fastest()), (1.0, true));
    assert_eq!(verdicts[0].backend, "mmap");
    assert!(results.disagreement().is_none());
    assert_eq!(results.json()["jobs"][0]["way"], "read 64 KiB");
    assert_eq!(
        results.json()["jobs"][3]["runs"][0]["skipped"],
        "not permitted"
    );
}

#[test]
fn jobs_survive_their_way_to_the_process() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("text");
    fs::write(&path, "text\n").expect("there is room");
    for job in jobs(&options(&path, Some((path.clone(), 3)))) {
        let text = serde_json::to_string(&job).expect("it can be written");
        let read: Job = serde_json::from_str(&text).expect("it can be read");
        assert_eq!(read, job);
    }
}
