//! TLS beside no TLS: one broker that serves both, loaded by one client in turns.
//!
//! confluent-kafka brings a librdkafka with OpenSSL; the one that is built here has none. Batches are so large that Python is not what is measured.
//! Values are pieces of transactions, and all of them differ, so that lz4 makes of them what it would of data: of one that comes over and over nothing is left to encrypt.
//!
//! The client encrypts as well, on the same processors. What each of the two took of them is told beside the rate: it says whose the difference is.

use std::path::{Path, PathBuf};

use super::super::data::Data;
use super::clients::script;
use super::results::Figures;
use super::server::{Server, free_address};
use super::setting::{Setting, observe, throughput};
use crate::Result;
use crate::command::{output, program};

pub(super) const TLS: &str = "tls";

pub(super) const PLAIN: &str = "plain";
pub(super) const BY_TLS: &str = "TLS";

const SCRIPT: &str = "benches/broker/sealed.py";
const MESSAGES: u64 = 400_000;
const SIZE: usize = 1024;
/// Transactions of which the values are cut: as much as several batches, so that none looks like the one before.
const ROWS: u64 = 40_000;
const PARTITIONS: &str = "4";
const CODECS: [&str; 2] = ["none", "lz4"];

/// What is measured: with which verb of the script, and how batches are compressed.
pub(super) fn case(verb: &str, codec: &str) -> String {
    format!("{verb}, 1 KiB, {codec}")
}

/// All cases.
pub(super) fn cases() -> Vec<String> {
    let cases = CODECS.map(|codec| [case("produce", codec), case("consume", codec)]);
    cases.concat()
}

/// A broker with both kinds of listeners.
struct Both {
    /// With the address without TLS.
    server: Server,
    sealed: String,
    authority: String,
    /// What the values are cut of.
    values: PathBuf,
}

pub(super) fn run(setting: &mut Setting) {
    if setting.python.is_none() {
        return;
    }
    let both = match start(&setting.folder) {
        Ok(both) => both,
        Err(reason) => {
            setting.notices.push(format!("TLS: {reason}"));
            return;
        }
    };
    for round in 1..=setting.rounds {
        eprintln!("TLS, round {round} of {}", setting.rounds);
        for codec in CODECS {
            for who in [PLAIN, BY_TLS] {
                measure(setting, &both, codec, who);
            }
        }
    }
}

/// Has a certificate made, which is its own authority, and starts a broker with it.
fn start(folder: &Path) -> Result<Both> {
    let values = Data::generate(ROWS)?.jsonl;
    let folder = folder.join("tls");
    let _ = std::fs::remove_dir_all(&folder);
    let made = std::fs::create_dir_all(&folder);
    made.map_err(|error| format!("{}: {error}", folder.display()))?;
    let path = |name: &str| folder.join(name).display().to_string();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let mut openssl = program("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec"]);
    openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args(["-days", "7", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1"]);
    output(openssl.args(["-out", &certificate, "-keyout", &key]))?;
    let (plain, sealed) = (free_address()?, free_address()?);
    let listeners = [format!("plain://{plain}"), format!("tls://{sealed}")];
    let server = Server::tamis_with(
        &folder.join("data"),
        plain,
        &[
            "--listen",
            &listeners[0],
            "--listen",
            &listeners[1],
            "--tls-cert",
            &certificate,
            "--tls-key",
            &key,
        ],
    )?;
    Ok(Both {
        server,
        sealed,
        authority: certificate,
        values,
    })
}

/// Produces and then consumes.
fn measure(setting: &mut Setting, both: &Both, codec: &str, who: &'static str) {
    let topic = format!("{who}-{codec}");
    let figures = load(setting, both, codec, who, &topic);
    let (produced, consumed) = match figures {
        Ok((produced, consumed)) => (Ok(produced), Ok(consumed)),
        Err(reason) => (Err(reason.clone()), Err(reason)),
    };
    let results = &mut setting.results;
    results.note(TLS, &case("produce", codec), who, produced);
    results.note(TLS, &case("consume", codec), who, consumed);
}

/// Of producing, and of consuming.
type Loaded = (Figures, Figures);

fn load(setting: &Setting, both: &Both, codec: &str, who: &str, topic: &str) -> Result<Loaded> {
    let python = setting.python.as_ref().ok_or("there is no Python")?;
    let plain = both.server.address.as_str();
    let (address, authority) = match who {
        BY_TLS => (both.sealed.as_str(), Some(both.authority.as_str())),
        _ => (plain, None),
    };
    setting.probe.run(&["create", plain, topic, PARTITIONS])?;
    setting.touch_memory();
    let count = setting.scaled(MESSAGES).to_string();
    let run = |words: &[&str]| {
        let words = words.iter().copied().chain(authority);
        let words: Vec<&str> = words.collect();
        observe(&both.server.process, || script(python, SCRIPT, &words))
    };
    let (size, values) = (SIZE.to_string(), both.values.to_string_lossy());
    let (produced, usage) = run(&["produce", address, topic, &count, &size, codec, &values])?;
    let (consumed, read_usage) = run(&["consume", address, topic, &count])?;
    setting.probe.run(&["delete", plain, topic])?;
    Ok((
        throughput(produced, SIZE, Some(usage)),
        throughput(consumed, SIZE, Some(read_usage)),
    ))
}
