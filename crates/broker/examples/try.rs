//! try
use tamis_broker::broker::{Broker, Options};
use tamis_broker::server::Server;
#[tokio::main]
async fn main() {
    let (broker, found) = Broker::open(Options::new(std::env::args().nth(1).unwrap())).unwrap();
    eprintln!("{found:?}");
    let server = Server::bind(broker.clone(), "127.0.0.1:9092", None)
        .await
        .unwrap();
    let (send, receive) = tokio::sync::watch::channel(false);
    tokio::spawn(server.run(receive));
    tokio::signal::ctrl_c().await.unwrap();
    send.send(true).unwrap();
    broker.close().unwrap();
}
