//! A disk that does nothing more after so many operations: wherever `gc` ends, the store can be opened and has everything, and the next
//! `gc` goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::disk::{Disk, DiskFile, RealDisk};

#[derive(Debug, Default)]
struct Left(AtomicU32);

impl Left {
    fn take(&self, path: &Path) -> Result<()> {
        let left = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| it.checked_sub(1));
        match left {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::io("reach", path)(std::io::Error::other("killed"))),
        }
    }
}

#[derive(Clone, Debug)]
struct FailingDisk(Arc<Left>);

#[derive(Debug)]
struct FailingFile {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    left: Arc<Left>,
}

impl Disk for FailingDisk {
    fn create(&self, path: &Path) -> Result<Box<dyn DiskFile>> {
        self.0.take(path)?;
        Ok(Box::new(FailingFile {
            file: RealDisk.create(path)?,
            path: path.to_owned(),
            left: self.0.clone(),
        }))
    }

    fn append(&self, path: &Path, len_bytes: u64) -> Result<Box<dyn DiskFile>> {
        self.0.take(path)?;
        RealDisk.append(path, len_bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.0.take(to)?;
        RealDisk.rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> Result<()> {
        self.0.take(folder)?;
        RealDisk.sync_folder(folder)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.0.take(path)?;
        RealDisk.remove(path)
    }

    fn create_folder(&self, path: &Path) -> Result<()> {
        self.0.take(path)?;
        RealDisk.create_folder(path)
    }
}

impl DiskFile for FailingFile {
    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.left.take(&self.path)?;
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> Result<()> {
        self.left.take(&self.path)?;
        self.file.sync()
    }
}

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
        let disk = FailingDisk(Arc::new(Left(AtomicU32::new(operations))));
        let killed = {
            let settings = Settings::default();
            let store = Store::open_on(Arc::new(disk), copy.path(), settings, &Cancel::new());
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
