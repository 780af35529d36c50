//! What the live page is made of: files of `page/`, which are part of the program.
//!
//! A browser asks each time whether a file is still the one that it has, by its tag, and is mostly told that it is: nobody sees an old page
//! with a new broker.

use std::sync::LazyLock;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use hyper::{Response, StatusCode};

use super::response::{Body, of_text};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const PLAIN: &str = super::response::TEXT;

/// A file of the page.
pub(super) struct Asset {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    /// Another one when its bytes are others.
    tag: HeaderValue,
}

/// Path, type and bytes.
type Listed = (&'static str, &'static str, &'static [u8]);

const LISTED: &[Listed] = &[
    ("/", HTML, include_bytes!("page/index.html")),
    ("/assets/page.css", CSS, include_bytes!("page/page.css")),
    ("/assets/icon.svg", SVG, include_bytes!("page/icon.svg")),
    ("/assets/main.js", SCRIPT, include_bytes!("page/main.js")),
    (
        "/assets/stream.js",
        SCRIPT,
        include_bytes!("page/stream.js"),
    ),
    (
        "/assets/history.js",
        SCRIPT,
        include_bytes!("page/history.js"),
    ),
    (
        "/assets/figures.js",
        SCRIPT,
        include_bytes!("page/figures.js"),
    ),
    (
        "/assets/charts.js",
        SCRIPT,
        include_bytes!("page/charts.js"),
    ),
    (
        "/assets/tables.js",
        SCRIPT,
        include_bytes!("page/tables.js"),
    ),
    (
        "/assets/format.js",
        SCRIPT,
        include_bytes!("page/format.js"),
    ),
    (
        "/assets/uplot/uPlot.iife.min.js",
        SCRIPT,
        include_bytes!("page/uplot/uPlot.iife.min.js"),
    ),
    (
        "/assets/uplot/uPlot.min.css",
        CSS,
        include_bytes!("page/uplot/uPlot.min.css"),
    ),
    // Its licence asks to go wherever it goes.
    (
        "/assets/uplot/LICENSE",
        PLAIN,
        include_bytes!("page/uplot/LICENSE"),
    ),
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| LISTED.iter().map(Asset::new).collect());

/// What is at a path.
pub(super) fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|it| it.path == path)
}

impl Asset {
    fn new(&(path, content_type, bytes): &Listed) -> Asset {
        let digest = blake3::hash(bytes).to_hex();
        let tag = HeaderValue::from_str(&format!("\"{}\"", &digest[..16]));
        Asset {
            path,
            content_type,
            bytes,
            tag: tag.expect("quotes and digits"),
        }
    }

    /// It, or that it is still what whoever asks has.
    pub(super) fn response(&self, asked: &HeaderMap) -> Response<Body> {
        let mut response = match self.is_had(asked) {
            true => of_text(StatusCode::NOT_MODIFIED, self.content_type, Bytes::new()),
            false => of_text(
                StatusCode::OK,
                self.content_type,
                Bytes::from_static(self.bytes),
            ),
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }

    /// RFC 9110 §13.1.2: one of a list, of which proxies may have made weak ones.
    fn is_had(&self, asked: &HeaderMap) -> bool {
        let tags = asked.get_all(IF_NONE_MATCH).iter();
        let mut tags = tags.flat_map(|it| it.as_bytes().split(|byte| *byte == b','));
        tags.any(|it| {
            let tag = it.trim_ascii();
            tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == self.tag.as_bytes()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let page = find("/").expect("it is there");
        let status = |tags: &str| {
            let mut asked = HeaderMap::new();
            asked.insert(IF_NONE_MATCH, tags.parse().expect("a header"));
            page.response(&asked).status().as_u16()
        };
        let tag = page.tag.to_str().expect("text");
        assert_eq!(page.response(&HeaderMap::new()).status().as_u16(), 200);
        assert_eq!(status("\"other\""), 200);
        for had in [tag, &format!("\"other\", W/{tag}"), "*"] {
            assert_eq!(status(had), 304, "{had}");
        }
    }

    #[test]
    fn the_page_asks_for_nothing_that_is_not_there() {
        let mut asked = 0;
        for (path, content_type, bytes) in LISTED {
            // What is not ours asks for nothing.
            if path.contains("uplot") || ![HTML, SCRIPT].contains(content_type) {
                continue;
            }
            let text = std::str::from_utf8(bytes).expect("text");
            for quoted in text.split('"').skip(1).step_by(2) {
                let target = match quoted.strip_prefix("./") {
                    Some(module) => format!("/assets/{module}"),
                    None if quoted.starts_with("/assets/") => quoted.to_owned(),
                    None => continue,
                };
                assert!(find(&target).is_some(), "{path} asks for {target}");
                asked += 1;
            }
        }
        assert!(asked >= 10, "only {asked}");
    }
}
