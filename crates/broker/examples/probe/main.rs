//! What a broker is measured with where a client of Kafka's would be the limit, or would not show what is asked: `cargo xtask bench --broker`
//! starts it. Each command prints one JSON object.
//!
//! It speaks the protocol over blocking sockets with requests that were encoded before the clock starts, so it takes little of
//! a processor that it shares with the broker. It works against every broker of Kafka's protocol, not only ours.
//!
//! | command | does |
//! |---|---|
//! | `create ADDRESS TOPIC PARTITIONS [NAME=VALUE]...` | makes a topic |
//! | `delete ADDRESS TOPIC` | deletes it |
//! | `ready ADDRESS SECONDS` | waits until somebody answers |
//! | `produce ADDRESS TOPIC [NAME=VALUE]...` | sends batches, as fast as it can or at a rate; see `produce.rs` |
//! | `fetch ADDRESS TOPIC MESSAGES` | reads so many of partition 0 over one connection, and throws them away |
//! | `idle ADDRESS COUNT` | opens connections and holds them until its standard input ends |
//! | `floor ADDRESS FILE BYTES [flush_ms=N]` | takes what `produce` sends and writes it into a file: the least that a broker has to do |
//! | `flush FOLDER [NAME=VALUE]...` | appends to partitions in this process and waits until it is durable; see `flush.rs` |
//! | `append FOLDER [NAME=VALUE]...` | appends to logs in this process, without a socket; see `append.rs` |

mod append;
mod client;
mod fetch;
mod floor;
mod flush;
mod idle;
mod latency;
mod payload;
mod produce;
mod settings;
mod topics;

use std::process::ExitCode;

use serde_json::Value;

/// What a command ends with: what it has to say, or the reason why it could not go on.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(answer) => {
            print(&answer);
            ExitCode::SUCCESS
        }
        Err(error) => {
            // A setting may be a whole contract.
            let briefly = words
                .iter()
                .map(|word| word.lines().next().unwrap_or_default());
            let briefly: Vec<&str> = briefly.collect();
            eprintln!("{}: {error}", briefly.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<Value> {
    match words {
        ["create", address, topic, partitions, settings @ ..] => {
            topics::create(address, topic, partitions.parse()?, settings)
        }
        ["delete", address, topic] => topics::delete(address, topic),
        ["ready", address, seconds] => topics::wait_until_ready(address, seconds.parse()?),
        ["produce", address, topic, settings @ ..] => produce::run(address, topic, settings),
        ["fetch", address, topic, messages] => fetch::run(address, topic, messages.parse()?),
        ["idle", address, count] => idle::run(address, count.parse()?),
        ["floor", address, file, bytes, settings @ ..] => {
            floor::run(address, file.as_ref(), bytes.parse()?, settings)
        }
        ["flush", folder, settings @ ..] => flush::run(folder.as_ref(), settings),
        ["append", folder, settings @ ..] => append::run(folder.as_ref(), settings),
        _ => Err("no such command".into()),
    }
}

/// The answer is for whoever started us.
#[expect(clippy::print_stdout, reason = "this is the output of the command")]
fn print(answer: &Value) {
    println!("{answer}");
}
