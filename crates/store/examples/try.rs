use std::path::Path;
use std::time::Instant;
use tamis_store::{add::*, restore::*, session::*, settings::Settings, store::Store};
fn main() {
    let _ = tamis_engine::mmap::install_fault_handler();
    let a: Vec<String> = std::env::args().collect();
    let (verb, store, tree) = (&a[1], Path::new(&a[2]), Path::new(&a[3]));
    let cancel = tamis_engine::control::Cancel::new();
    let mut settings = Settings::default();
    if let Ok(c) = std::env::var("C") {
        settings.compression = match c.as_str() {
            "none" => tamis_store::pack::frame::Compression::None,
            "lz4" => tamis_store::pack::frame::Compression::Lz4,
            l => tamis_store::pack::frame::Compression::Zstd(l.parse().unwrap()),
        }
    }
    if let Ok(c) = std::env::var("T") {
        settings.threads = c.parse().unwrap()
    }
    let t = Instant::now();
    match verb.as_str() {
        "init" => Store::init(store, Default::default()).unwrap(),
        "add" => {
            let s = Store::open(store, settings, &cancel).unwrap();
            let mut session = Session::open(&s, tree).unwrap();
            println!("opened {:?}", t.elapsed());
            let added = session.add(&[vec![]], &AddOptions::default()).unwrap();
            println!("{added:#?} limiting {:?}", added.stages.limiting(2));
            println!("added {:?}", t.elapsed());
            let c = session
                .commit(&CommitRequest {
                    message: "m".into(),
                    author: "a".into(),
                    offset_minutes: 0,
                    allows_empty: false,
                })
                .unwrap();
            println!("{c:?}");
        }
        "get" => {
            let s = Store::open(store, settings, &cancel).unwrap();
            let (_, c) = s.resolve("HEAD").unwrap();
            let r = s
                .restore_tree(c.root, tree, &RestoreOptions::default())
                .unwrap();
            println!(
                "{} files {} bytes {:?} {:?}",
                r.files,
                r.bytes,
                r.failures.iter().take(5).collect::<Vec<_>>(),
                s.objects().counters()
            );
        }
        _ => panic!(),
    }
    println!("{verb} {:?}", t.elapsed());
    let peak = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", peak.lines().find(|l| l.starts_with("VmHWM")).unwrap());
}
