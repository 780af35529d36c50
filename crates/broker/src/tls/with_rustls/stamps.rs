//! Whether one of the files has changed.

use tamis_engine::stamp::Stamp;

use super::TlsFiles;
use crate::watched::stamp;

/// What tells files apart from what they were; nothing, where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamps([Option<Stamp>; 3]);

impl Stamps {
    /// What the files look like from outside: another answer than before means that one of them changed.
    pub(super) fn of(files: &TlsFiles) -> Stamps {
        let paths = [
            Some(&files.certificate),
            Some(&files.key),
            files.client_ca.as_ref(),
        ];
        Stamps(paths.map(|it| it.and_then(|it| stamp(it))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_is_noticed_however_it_did() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "one").expect("it is written");
        std::fs::write(path("b"), "two").expect("it is written");
        std::os::unix::fs::symlink(path("a"), path("link")).expect("it is made");
        let files = TlsFiles::new(path("link"), path("missing"));
        let before = Stamps::of(&files);
        assert_eq!(Stamps::of(&files), before);
        std::fs::remove_file(path("link")).expect("it goes");
        std::os::unix::fs::symlink(path("b"), path("link")).expect("it is made");
        let turned = Stamps::of(&files);
        assert_ne!(turned, before, "a link leads elsewhere");
        std::fs::write(path("b"), "three").expect("it is written");
        let rewritten = Stamps::of(&files);
        assert_ne!(rewritten, turned, "a file has another length");
        std::fs::write(path("missing"), "").expect("it is written");
        assert_ne!(Stamps::of(&files), rewritten, "a file came");
    }
}
