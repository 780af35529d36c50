//! A broker for trying: `cargo run -p tamis-broker --example try -- FOLDER [ADDRESS]`, until it is interrupted.

use std::error::Error;

use tamis_broker::broker::{Broker, Options};
use tamis_broker::server::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("a data folder is needed")?;
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let (broker, found) = Broker::open(Options::new(folder))?;
    eprintln!("listening at {address}, found {found:?}");
    let server = Server::bind(broker.clone(), &address, None).await?;
    let (ending, is_ending) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(server.run(is_ending));
    tokio::signal::ctrl_c().await?;
    ending.send(true)?;
    running.await?;
    broker.close()?;
    Ok(())
}
