//! TLS from outside: handshakes that succeed, those that fail, and what goes over it.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_protocol::messages::{ApiVersionsRequest, FetchRequest};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::crypto::aws_lc_rs::kx_group::{X25519, X25519MLKEM768};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, NamedGroup, ProtocolVersion, RootCertStore,
    StreamOwned, SupportedProtocolVersion, version,
};
use tamis_broker::{Builder, Error, TlsFiles};
use tempfile::TempDir;

use crate::watching::{connect_from, get, get_over, value};
use crate::wire::{
    Client, FETCH, PRODUCE, Started, appended, batch, builder, fetch_request, produce_request,
    start_with,
};

type TlsSocket = StreamOwned<ClientConnection, TcpStream>;

/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody who signs certificates, and a folder for them.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, as PEM.
struct Signed {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Authority {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        // Two authorities of one name would be taken for each other.
        let name = format!("authority {}", fastrand::u64(..));
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(parameters, key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("it is written");
        Authority { issuer, folder }
    }

    /// A certificate that ends in this year.
    fn sign(&self, last_year: i32) -> Signed {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let mut parameters = CertificateParams::new(names).expect("names");
        parameters.not_before = date_time_ymd(2000, 1, 1);
        parameters.not_after = date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let signed = parameters.signed_by(&key, &self.issuer);
        Signed {
            certificate: signed.expect("it is signed").pem(),
            key: key.serialize_pem(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts one where the broker looks for it.
    fn install(&self, signed: &Signed) -> TlsFiles {
        fs::write(self.path("certificate.pem"), &signed.certificate).expect("it is written");
        fs::write(self.path("key.pem"), &signed.key).expect("it is written");
        TlsFiles::new(self.path("certificate.pem"), self.path("key.pem"))
    }

    /// Starts a broker that speaks TLS at its first address and none at its second, with metrics.
    fn start(&self, set: impl FnOnce(Builder) -> Builder) -> Started {
        let files = self.install(&self.sign(9999));
        start_with(|it| {
            let it = it.tls(files).listen("plain://127.0.0.1:0");
            set(it.http("127.0.0.1:0"))
        })
    }

    /// What a client needs that trusts us.
    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("it is good");
        roots
    }

    /// A client that offers this alone.
    fn config(
        &self,
        version: &'static SupportedProtocolVersion,
        groups: &[&'static dyn rustls::crypto::SupportedKxGroup],
    ) -> ClientConfig {
        let mut provider = aws_lc_rs::default_provider();
        if !groups.is_empty() {
            provider.kx_groups = groups.to_vec();
        }
        ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .expect("they fit")
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }

    fn usual(&self) -> ClientConfig {
        self.config(&version::TLS13, &[])
    }

    fn client(&self, address: SocketAddr) -> Client<TlsSocket> {
        Client::over(connect(address, self.usual()).expect("it is let in"))
    }
}

/// Connects and has the handshake.
fn connect(address: SocketAddr, config: ClientConfig) -> Result<TlsSocket, std::io::Error> {
    let socket = TcpStream::connect(address).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    connect_over(socket, config)
}

/// Has the handshake.
fn connect_over(socket: TcpStream, config: ClientConfig) -> Result<TlsSocket, std::io::Error> {
    let name = "localhost".try_into().expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    let mut stream = StreamOwned::new(session, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// What rustls says is wrong.
fn refused(ended: Result<TlsSocket, std::io::Error>) -> rustls::Error {
    let error = ended.map(drop).expect_err("it is refused");
    let said = error.into_inner().expect("rustls says it");
    *said.downcast::<rustls::Error>().expect("rustls says it")
}

fn metric(running: &Started, name: &str) -> f64 {
    let http = running.http_address().expect("it was asked for");
    let (_, page) = get(http, "GET", "/metrics");
    value(&page, name).unwrap_or_else(|| panic!("no {name}"))
}

/// Waits until it is counted so often.
fn until(running: &Started, name: &str, count: f64) {
    let started = Instant::now();
    while metric(running, name) != count {
        let found = metric(running, name);
        assert!(started.elapsed() < PATIENCE, "{name} is {found}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn failed(reason: &str) -> String {
    format!("tamis_tls_handshakes_failed_total{{reason=\"{reason}\"}}")
}

/// That clients are served as if nothing had been.
fn still_serves(authority: &Authority, running: &Started) {
    let mut client = authority.client(running.addresses()[0]);
    client.want_topic("orders");
    let offset = client.produce("orders", &["fine"]);
    let read = client.values_from("orders", offset);
    assert_eq!(read, [(offset, "fine".to_owned())]);
}

#[test]
fn both_versions_carry_requests() {
    let authority = Authority::new();
    let running = authority.start(|it| it);
    let both = [
        (&version::TLS13, ProtocolVersion::TLSv1_3),
        (&version::TLS12, ProtocolVersion::TLSv1_2),
    ];
    for (offset, (offered, spoken)) in (0..).zip(both) {
        let socket = connect(running.addresses()[0], authority.config(offered, &[]));
        let mut client = Client::over(socket.expect("it is let in"));
        assert_eq!(client.socket.conn.protocol_version(), Some(spoken));
        client.want_topic("orders");
        assert_eq!(client.produce("orders", &["a"]), offset);
        assert_eq!(client.values_from("orders", offset).len(), 1);
    }
    assert_eq!(metric(&running, "tamis_tls_handshakes_total"), 2.0);
    assert!(metric(&running, "tamis_tls_certificate_expires_seconds") > 1e10);
    running.stop();
}

#[test]
fn the_group_is_the_one_that_a_quantum_computer_does_not_undo() {
    let authority = Authority::new();
    let running = authority.start(|it| it);
    let group = |config| {
        let socket = connect(running.addresses()[0], config).expect("it is let in");
        let group = socket.conn.negotiated_key_exchange_group();
        group.expect("there is one").name()
    };
    assert_eq!(group(authority.usual()), NamedGroup::X25519MLKEM768);
    // Clients that do not know it are served too.
    for (only, expected) in [
        (X25519MLKEM768, NamedGroup::X25519MLKEM768),
        (X25519, NamedGroup::X25519),
    ] {
        assert_eq!(group(authority.config(&version::TLS13, &[only])), expected);
    }
    running.stop();
}

#[test]
fn clients_refuse_what_they_do_not_trust() {
    let authority = Authority::new();
    let running = authority.start(|it| it.certificate_check(Duration::from_millis(20)));
    let address = running.addresses()[0];
    let stranger = Authority::new();
    let error = refused(connect(address, stranger.usual()));
    let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    assert_eq!(error, unknown);
    until(&running, &failed("refused"), 1.0);

    authority.install(&authority.sign(2001));
    until(&running, "tamis_tls_certificate_renewals_total", 1.0);
    let error = refused(connect(address, authority.usual()));
    let is_expired = matches!(
        error,
        rustls::Error::InvalidCertificate(rustls::CertificateError::ExpiredContext { .. })
    );
    assert!(is_expired, "{error}");
    until(&running, &failed("refused"), 2.0);
    assert!(metric(&running, "tamis_tls_certificate_expires_seconds") < 0.0);
    running.stop();
}

#[test]
fn who_does_not_speak_tls_is_told_apart() {
    let authority = Authority::new();
    let running = authority.start(|it| it);
    let mut plain = running.client();
    plain.send(3, &ApiVersionsRequest::default());
    let mut answer = Vec::new();
    // The broker may be gone before everything was read.
    let _ = plain.socket.read_to_end(&mut answer);
    // An alert of TLS (RFC 8446 §6): type 21, and a fatal one.
    assert_eq!((answer[0], answer[5]), (21, 2), "{answer:?}");
    until(&running, &failed("not_tls"), 1.0);

    let ended = connect(running.addresses()[1], authority.usual());
    let error = ended.map(drop).expect_err("nobody speaks TLS there");
    let is_gone = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
    assert!(is_gone.contains(&error.kind()), "{error}");
    still_serves(&authority, &running);
    // Both kinds are served at once.
    let mut plain = Client::connect(running.addresses()[1]);
    assert_eq!(plain.values_from("orders", 0).len(), 1);
    assert_eq!(running.tls_addresses(), &running.addresses()[..1]);
    running.stop();
}

/// The first message of a client.
fn hello(authority: &Authority) -> Vec<u8> {
    let name = "localhost".try_into().expect("a name");
    let config = Arc::new(authority.usual());
    let mut session = ClientConnection::new(config, name).expect("a session");
    let mut hello = Vec::new();
    session.write_tls(&mut hello).expect("it is written");
    hello
}

#[test]
fn half_a_handshake_holds_a_place_for_a_while() {
    let authority = Authority::new();
    let running = authority.start(|it| {
        it.connections_max(2)
            .stall_timeout(Duration::from_millis(700))
    });
    let hello = hello(&authority);
    let mut waiting: Vec<_> = [&hello[..0], &hello[..hello.len() / 2]]
        .into_iter()
        .map(|part| {
            let mut client = running.client();
            client.socket.write_all(part).expect("it is read");
            client
        })
        .collect();
    until(&running, "tamis_connections", 2.0);
    assert!(running.client().is_closed_silently(), "there is no place");
    for client in &mut waiting {
        assert!(client.is_closed_silently(), "it is given up");
    }
    until(&running, &failed("slow"), 2.0);
    until(&running, "tamis_connections", 0.0);
    // Who goes away is no slower.
    let mut gone = running.client();
    gone.socket.write_all(&hello[..100]).expect("it is read");
    gone.socket.shutdown(Shutdown::Write).expect("it is told");
    until(&running, &failed("closed"), 1.0);
    until(&running, "tamis_connections", 0.0);
    still_serves(&authority, &running);
    running.stop();
}

#[test]
fn whatever_bytes_come_others_are_served() {
    let authority = Authority::new();
    let running = authority.start(|it| it.stall_timeout(Duration::from_millis(300)));
    let address = running.addresses()[0];
    let hello = hello(&authority);
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..100 {
        let mut bytes = hello.clone();
        for _ in 0..random.usize(1..8) {
            let at = random.usize(0..bytes.len());
            bytes[at] = random.u8(..);
        }
        let mut client = running.client();
        // It may have had enough before it has everything.
        let _ = client.socket.write_all(&bytes);
        let _ = client.socket.shutdown(Shutdown::Write);
    }
    // Records that nobody sealed, behind a good handshake.
    for record in [
        &[23, 3, 3, 0, 20][..],
        &[23, 3, 3, 255, 255],
        &[22, 3, 3, 0, 4, 1, 0, 0, 0],
        &[0; 100],
    ] {
        let mut socket = connect(address, authority.usual()).expect("it is let in");
        let mut bytes = record.to_vec();
        bytes.resize(record.len() + 20, 7);
        socket.sock.write_all(&bytes).expect("it is read");
        socket.sock.shutdown(Shutdown::Write).expect("it is told");
        let mut rest = Vec::new();
        // An alert comes, or nothing.
        let _ = socket.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
    still_serves(&authority, &running);
    running.stop();
}

/// A batch that cannot be told from noise, of so many bytes.
fn noise(random: &mut fastrand::Rng, len: usize) -> String {
    std::iter::repeat_with(|| random.alphanumeric())
        .take(len)
        .collect()
}

/// The body of the answer to a fetch, as it comes.
fn fetched<S: Read + Write>(client: &mut Client<S>, request: &FetchRequest) -> bytes::Bytes {
    client.send(FETCH, request);
    // Behind the number of the request, which differs.
    client.receive_body().expect("an answer").slice(4..)
}

#[test]
fn large_answers_are_the_same_by_both_ways() {
    let authority = Authority::new();
    let running = authority.start(|it| it);
    let mut sealed = authority.client(running.addresses()[0]);
    let mut plain = Client::connect(running.addresses()[1]);
    sealed.want_topic("orders");
    let mut random = fastrand::Rng::with_seed(3);
    // More than stays in memory, so that files are read too.
    for round in 0..50 {
        let value = noise(&mut random, 900_000);
        let acks = if round == 49 { -1 } else { 1 };
        let request = produce_request("orders", batch(&[&value]), acks);
        let response = match round % 2 {
            0 => sealed.ask(PRODUCE, &request),
            _ => plain.ask(PRODUCE, &request),
        };
        assert_eq!(appended(&response), round);
    }
    for (offset, bytes_max) in [(0, 1), (0, 16 << 20), (25, 3 << 20), (48, 16 << 20)] {
        let mut request = fetch_request("orders", offset).with_max_bytes(bytes_max);
        request.topics[0].partitions[0].partition_max_bytes = bytes_max;
        let answer = fetched(&mut plain, &request);
        assert!(answer.len() > 900_000);
        assert!(fetched(&mut sealed, &request) == answer, "from {offset}");
    }
    running.stop();
}

#[test]
fn answers_are_sent_while_requests_come() {
    let authority = Authority::new();
    let running = authority.start(|it| it);
    let mut client = authority.client(running.addresses()[0]);
    client.want_topic("orders");
    // One waits for records, and those that come behind it are read meanwhile; a third makes the records come.
    let poll = fetch_request("orders", 0)
        .with_min_bytes(1)
        .with_max_wait_ms(500);
    let first = client.send(FETCH, &poll);
    let second = client.send(FETCH, &poll);
    assert_eq!(
        authority
            .client(running.addresses()[0])
            .produce("orders", &["a"]),
        0
    );
    for sent in [first, second] {
        let (id, response) = client.receive::<FetchRequest>(FETCH);
        assert_eq!(id, sent);
        assert_eq!(crate::wire::values(&response).len(), 1);
    }
    running.stop();
}

#[test]
fn a_new_certificate_is_shown_to_new_clients() {
    let authority = Authority::new();
    let running = authority.start(|it| it.certificate_check(Duration::from_millis(20)));
    let address = running.addresses()[0];
    let shown = |client: &Client<TlsSocket>| -> CertificateDer<'static> {
        let chain = client.socket.conn.peer_certificates();
        chain.expect("one is shown")[0].clone()
    };
    let mut old = authority.client(address);
    let before = shown(&old);
    let signed = authority.sign(9998);
    authority.install(&signed);
    until(&running, "tamis_tls_certificate_renewals_total", 1.0);
    let expected = CertificateDer::from_pem_slice(signed.certificate.as_bytes());
    let after = shown(&authority.client(address));
    assert!(after != before && after == expected.expect("it is one"));

    fs::write(authority.path("certificate.pem"), "nothing").expect("it is written");
    until(&running, "tamis_tls_certificate_renewals_failed_total", 1.0);
    assert!(shown(&authority.client(address)) == after);
    // Who is there stays.
    old.want_topic("orders");
    assert_eq!(old.produce("orders", &["a"]), 0);
    running.stop();
}

/// With a certificate of its own.
fn known(authority: &Authority, signed: &Signed) -> ClientConfig {
    known_in(authority, signed, rustls::DEFAULT_VERSIONS)
}

/// The same, in these versions alone.
fn known_in(
    authority: &Authority,
    signed: &Signed,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let certificate = CertificateDer::from_pem_slice(signed.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes());
    let provider = Arc::new(aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("they fit")
        .with_root_certificates(authority.roots())
        .with_client_auth_cert(vec![certificate.expect("one")], key.expect("one"))
        .expect("they belong together")
}

/// Whether a client is served: in version 1.3 it learns behind its handshake only that it is not.
fn is_served(address: SocketAddr, config: ClientConfig) -> bool {
    let Ok(socket) = connect(address, config) else {
        return false;
    };
    let mut client = Client::over(socket);
    client.send(3, &ApiVersionsRequest::default());
    let mut head = [0; 4];
    client.socket.read_exact(&mut head).is_ok()
}

#[test]
fn clients_show_certificates_where_they_have_to() {
    let authority = Authority::new();
    let mut files = authority.install(&authority.sign(9999));
    files.client_ca = Some(authority.path("ca.pem"));
    let folder = tempfile::tempdir().expect("a folder");
    let running = start_with(|it| {
        it.tls(files.clone())
            .listen("tls://0.0.0.0:0")
            .http("127.0.0.1:0")
    });
    let stranger = Authority::new();
    for address in [
        running.addresses()[0],
        ([127, 0, 0, 1], running.addresses()[1].port()).into(),
    ] {
        assert!(is_served(address, known(&authority, &authority.sign(9999))));
        assert!(!is_served(address, authority.usual()), "without one");
        assert!(!is_served(
            address,
            known(&authority, &authority.sign(2001))
        ));
        assert!(!is_served(address, known(&authority, &stranger.sign(9999))));
    }
    until(&running, &failed("certificate"), 6.0);
    running.stop();
    // Who is known by nothing but an address is not let in from elsewhere, sealed or not.
    for exposed in [
        builder(&folder)
            .tls(files.clone())
            .listen("plain://0.0.0.0:0"),
        builder(&folder).tls(files.clone()).http("0.0.0.0:0"),
        builder(&folder)
            .tls(TlsFiles::new(files.certificate, files.key))
            .listen("tls://0.0.0.0:0"),
    ] {
        let refused = exposed.start().expect_err("it is reached from elsewhere");
        assert!(matches!(refused, Error::Exposed { .. }), "{refused}");
    }
}

/// How the second handshake of a client went.
fn second_handshake(address: SocketAddr, config: &ClientConfig) -> HandshakeKind {
    let mut kind = None;
    for _ in 0..2 {
        let socket = connect(address, config.clone()).expect("it is let in");
        let mut client = Client::over(socket);
        // What it may come back with is sent behind the handshake.
        client.ask(3, &ApiVersionsRequest::default());
        kind = client.socket.conn.handshake_kind();
    }
    kind.expect("it is through")
}

#[test]
fn who_has_to_show_a_certificate_shows_it_each_time() {
    let authority = Authority::new();
    let open = authority.start(|it| it);
    let files = authority.install(&authority.sign(9999));
    let guarded = start_with(|it| {
        it.tls(TlsFiles {
            client_ca: Some(authority.path("ca.pem")),
            ..files
        })
    });
    for version in [&version::TLS13, &version::TLS12] {
        let config = authority.config(version, &[]);
        let kind = second_handshake(open.addresses()[0], &config);
        assert_eq!(kind, HandshakeKind::Resumed);
        let config = known_in(&authority, &authority.sign(9999), &[version]);
        let kind = second_handshake(guarded.addresses()[0], &config);
        assert_eq!(kind, HandshakeKind::Full);
    }
    open.stop();
    guarded.stop();
}

#[test]
fn the_end_is_announced() {
    let authority = Authority::new();
    let running = authority.start(|it| it.idle_timeout(Duration::from_millis(200)));
    let mut client = authority.client(running.addresses()[0]);
    client.want_topic("orders");
    let mut rest = Vec::new();
    // An end that nobody announced would be an error here.
    let read = client.socket.read_to_end(&mut rest);
    assert_eq!(read.expect("it is announced"), 0);
    let mut client = authority.client(running.addresses()[0]);
    client.want_topic("orders");
    running.stop();
    let read = client.socket.read_to_end(&mut rest);
    assert_eq!(read.expect("it is announced"), 0);
}

#[test]
fn health_is_told_over_https() {
    let authority = Authority::new();
    let running = authority.start(|it| it.http("https://127.0.0.1:0"));
    let address = running.http_address().expect("it was asked for");
    let url = running.http_url().expect("it was asked for");
    assert_eq!(url, format!("https://{address}"));
    let socket = connect(address, authority.usual()).expect("it is let in");
    assert_eq!(
        get_over(socket, "GET", "/healthz"),
        (200, "ok\n".to_owned())
    );
    running.stop();
}

#[test]
fn half_handshakes_keep_nobody_from_watching() {
    let authority = Authority::new();
    let running = authority.start(|it| it.http("https://127.0.0.1:0"));
    let address = running.http_address().expect("it was asked for");
    let hello = hello(&authority);
    let begun: Vec<_> = (0..70)
        .map(|_| {
            let mut socket = TcpStream::connect(address).expect("it listens");
            socket
                .write_all(&hello[..hello.len() / 2])
                .expect("it is taken");
            socket
        })
        .collect();
    let socket = connect_over(connect_from(2, address), authority.usual());
    let mut socket = socket.expect("there is a place");
    let request = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(request).expect("it is read");
    let mut status = [0; 12];
    socket.read_exact(&mut status).expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200", "it is no brief connection");
    drop(begun);
    running.stop();
}
