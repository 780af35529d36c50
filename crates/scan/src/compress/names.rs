//! What packed files are called.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Codec;

/// The ending of files that a codec's own tool writes.
pub fn ending(codec: Codec) -> &'static str {
    match codec {
        Codec::Lz4 => "lz4",
        Codec::Zstd => "zst",
        Codec::Gzip => "gz",
    }
}

/// The codec whose tool gives files such a name.
pub fn codec_of(path: &Path) -> Option<Codec> {
    match path.extension()?.to_str()? {
        "lz4" => Some(Codec::Lz4),
        "zst" | "zstd" => Some(Codec::Zstd),
        "gz" | "gzip" | "bgz" => Some(Codec::Gzip),
        _ => None,
    }
}

/// `orders.csv` packed: `orders.csv.zst`.
pub fn packed(path: &Path, codec: Codec) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(ending(codec));
    name.into()
}

/// `orders.csv.zst` unpacked: `orders.csv`. `None` where the name does not say.
pub fn unpacked(path: &Path) -> Option<PathBuf> {
    let ending = path.extension()?.to_str()?;
    // A name that is nothing but its ending has no extension.
    match ending {
        "tgz" | "tzst" | "tlz4" => Some(path.with_extension("tar")),
        _ => codec_of(path).map(|_| path.with_extension("")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_there_and_back() {
        for name in ["a", "a.csv", "d.e/a.tar", ".hidden"] {
            for codec in Codec::ALL {
                let packed = packed(Path::new(name), codec);
                assert_eq!(codec_of(&packed), Some(codec));
                assert_eq!(unpacked(&packed).as_deref(), Some(Path::new(name)));
            }
            assert_eq!(unpacked(Path::new(name)), None);
        }
        assert_eq!(unpacked(Path::new("d/a.tgz")), Some("d/a.tar".into()));
        assert_eq!(unpacked(Path::new(".gz")), None);
    }
}
