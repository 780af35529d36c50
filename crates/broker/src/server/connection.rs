//! One connection: requests in, answers out, in order.
//!
//! Answers that are ready together are sent together: a client that has many small requests under way costs one call of the system
//! for many of them.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use tokio::io::AsyncRead;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use super::PERMIT_BYTES;
use super::frame::Frames;
use super::pool::Pool;
use super::send::{Outbox, Sealing, Way};
use super::stream::Stream;
use crate::api::{Answer, Context, Parts, Refused, answer};
use crate::broker::Broker;
use crate::tls;

/// Answers that may be on the way; Java's producers have five requests in flight, librdkafka's as many as they may.
const ANSWERS_MAX: usize = 32;

/// So many bytes of answers are sent together, and the one that makes it more.
const TOGETHER_BYTES_MAX: u64 = 64 << 10;

/// Why a connection was closed by us, or was not closed in order.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("a request of {found} bytes, at most {limit} are taken")]
    Length { found: i32, limit: usize },
    #[error(
        "a client spoke TLS to a port without it: its side needs `security.protocol=PLAINTEXT`, or this one `--listen tls://`"
    )]
    UnexpectedTls,
    #[error(transparent)]
    Handshake(#[from] tls::Failed),
    #[error("it ended in the middle of a request")]
    CutOff,
    #[error("nothing came for {0:?}")]
    Idle(Duration),
    #[error("a request of {len_bytes} bytes was not there after {waited:?}")]
    Slow { len_bytes: usize, waited: Duration },
    #[error("it took nothing for {0:?}")]
    Stalled(Duration),
    #[error("a request of {0} bytes that may wait, and too many such wait already")]
    Crowded(usize),
    #[error("from a client that has not logged in: {0}")]
    Stranger(Box<Ended>),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Ended {
    /// Whether it is how connections end that are not needed any more, or was told of already.
    pub(super) fn is_common(&self) -> bool {
        matches!(
            self,
            // Whoever has no password can send what he likes, as often as he likes.
            Ended::CutOff
                | Ended::Idle(_)
                | Ended::Io(_)
                | Ended::Handshake(_)
                | Ended::Stranger(_)
        )
    }
}

/// An answer on its way, and what it holds of the bytes in flight.
struct Queued {
    answer: Answer,
    /// The number of the request.
    api: i16,
    /// When the request was there.
    began: Instant,
    permit: Option<OwnedSemaphorePermit>,
}

impl Queued {
    /// What is to be sent, when it is there; nothing, if it gets no answer. Not to be called again then.
    fn poll_parts(
        &mut self,
        context: &mut task::Context<'_>,
    ) -> Poll<Result<Option<Parts>, Refused>> {
        match &mut self.answer {
            Answer::Ready(parts) => Poll::Ready(Ok(Some(std::mem::take(parts)))),
            Answer::Later(later) => later.as_mut().poll(context).map_ok(Some),
            Answer::Nothing => Poll::Ready(Ok(None)),
        }
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(
    context: &Context,
    stream: Stream,
    pool: &Pool,
    ending: watch::Receiver<bool>,
) -> Result<(), Ended> {
    match stream {
        Stream::Plain(stream) => {
            let (read, write) = stream.into_split();
            talk(context, (read, write), pool, ending).await
        }
        // Reader and writer take turns at what is sealed, a call at a time: a reader that waits for bytes keeps no writer from sending.
        Stream::Tls(stream) => {
            let (read, write) = tokio::io::split(*stream);
            let write = Sealing::new(write, pool.clone());
            talk(context, (read, write), pool, ending).await
        }
    }
}

/// The same, over what is read from and what is written to.
async fn talk<R: AsyncRead + Unpin, W: Way>(
    context: &Context,
    (read, write): (R, W),
    pool: &Pool,
    ending: watch::Receiver<bool>,
) -> Result<(), Ended> {
    let options = &context.broker.options;
    let frames = Frames::new(
        read,
        pool.clone(),
        options.request_bytes_max,
        options.idle,
        options.stalled,
    );
    let (queue, answers) = mpsc::channel(ANSWERS_MAX);
    let writer = Writer {
        way: write,
        answers,
        outbox: Outbox::default(),
        permits: Vec::new(),
        broker: context.broker.clone(),
    };
    // Whoever ends first ends the connection: the reader at the end of the requests, and then the answers are still sent;
    // the writer when the client is gone.
    let writer = tokio::spawn(writer.run());
    let abort = AbortOnDrop(writer.abort_handle());
    let read = read_requests(context, frames, queue, ending).await;
    if matches!(read, Err(Ended::Refused(Refused::Forgotten))) {
        // What is on its way is not for whoever this is now.
        writer.abort();
    }
    let written = writer.await.unwrap_or(Ok(()));
    drop(abort);
    read.and(written)
        .map_err(|ended| match context.client.is_unknown() {
            true => Ended::Stranger(Box::new(ended)),
            false => ended,
        })
}

/// Ends the writer when the connection's own task is ended.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn read_requests<R: AsyncRead + Unpin>(
    context: &Context,
    mut frames: Frames<R>,
    queue: mpsc::Sender<Queued>,
    mut ending: watch::Receiver<bool>,
) -> Result<(), Ended> {
    let mut forgotten = pin!(context.broker.access.until_forgotten(&context.client));
    loop {
        let queued = tokio::select! {
            queued = next_answer(context, &mut frames) => queued?,
            // The writer has given up.
            () = queue.closed() => return Ok(()),
            () = context.client.until_given_up() => {
                return Err(Refused::Unknown("it did not log in").into());
            }
            // Also while something waits for records to come.
            () = &mut forgotten => return Err(Refused::Forgotten.into()),
            _ = ending.wait_for(|it| *it) => return Ok(()),
        };
        let Some(queued) = queued else {
            return Ok(());
        };
        if queue.send(queued).await.is_err() {
            return Ok(());
        }
        // It has taken more than it may, and was told so.
        if let Some(until) = context.mute.take() {
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = &mut forgotten => return Err(Refused::Forgotten.into()),
                () = queue.closed() => return Ok(()),
                _ = ending.wait_for(|it| *it) => return Ok(()),
            }
        }
    }
}

/// Takes a request and begins it; `None`: the client is gone.
async fn next_answer<R: AsyncRead + Unpin>(
    context: &Context,
    frames: &mut Frames<R>,
) -> Result<Option<Queued>, Ended> {
    let Some(length) = frames.next_length().await? else {
        return Ok(None);
    };
    if let Some(limit) = context.client.request_bytes_max().filter(|it| length > *it) {
        let found = i32::try_from(length).unwrap_or(i32::MAX);
        return Err(Ended::Length { found, limit });
    }
    if context.may_owe()
        && let Some(api) = frames.number(length).await?
    {
        // Before it takes of what may be in flight: others are not to wait for it.
        context.until_paid(api).await;
    }
    let permit = permit(context, length).await?;
    let body = frames.body(length).await?;
    let (api, began) = (number(&body), Instant::now());
    let permit = match permit {
        Some(permit) if may_wait(api) => Some(exchange(context, permit, length)?),
        permit => permit,
    };
    let answer = answer(context, body).await?;
    Ok(Some(Queued {
        answer,
        api,
        began,
        permit,
    }))
}

/// Leave to hold so many bytes; small requests need none, and whoever has not logged in takes none: he could keep it, and send nothing. What
/// he may send at all is little.
async fn permit(context: &Context, length: usize) -> Result<Option<OwnedSemaphorePermit>, Ended> {
    if length <= PERMIT_BYTES || context.client.is_unknown() {
        return Ok(None);
    }
    let broker = &context.broker;
    // A request larger than all that may be in flight is the only one then.
    let units = length
        .div_ceil(PERMIT_BYTES)
        .min(broker.options.in_flight_units());
    let units = u32::try_from(units).unwrap_or(u32::MAX);
    let permit = broker.in_flight.clone().acquire_many_owned(units).await;
    // Nobody closes it while there are connections.
    permit.map(Some).map_err(|_| Ended::CutOff)
}

/// Whether it is a request that may be answered much later, when records come, or others of a group.
fn may_wait(api: i16) -> bool {
    [ApiKey::Fetch, ApiKey::JoinGroup, ApiKey::SyncGroup]
        .iter()
        .any(|it| *it as i16 == api)
}

/// Leave to hold the bytes of a request that waits, in place of one that is being worked on. Nobody waits for it: a client whose
/// request does not fit beside all that wait already loses its connection, and the others are served.
fn exchange(
    context: &Context,
    permit: OwnedSemaphorePermit,
    length: usize,
) -> Result<OwnedSemaphorePermit, Ended> {
    let units = u32::try_from(permit.num_permits()).unwrap_or(u32::MAX);
    let waiting = context.broker.waiting.clone();
    waiting
        .try_acquire_many_owned(units)
        .map_err(|_| Ended::Crowded(length))
}

/// Which request it is; -1: it is too short to be one.
fn number(body: &Bytes) -> i16 {
    body.first_chunk()
        .map_or(-1, |bytes| i16::from_be_bytes(*bytes))
}

/// What goes out on a connection.
struct Writer<W> {
    way: W,
    answers: mpsc::Receiver<Queued>,
    outbox: Outbox,
    /// Of the answers in the outbox.
    permits: Vec<Option<OwnedSemaphorePermit>>,
    broker: Arc<Broker>,
}

impl<W: Way> Writer<W> {
    /// Sends answers until there will be no more.
    async fn run(mut self) -> Result<(), Ended> {
        let stalled = self.broker.options.stalled;
        let mut next = self.answers.recv().await;
        while let Some(mut queued) = next.take() {
            let parts = poll_fn(|it| queued.poll_parts(it)).await?;
            self.push(queued, parts)?;
            next = self.push_ready().await?;
            self.way.send(&mut self.outbox, stalled).await?;
            self.permits.clear();
            if next.is_none() {
                next = self.answers.recv().await;
            }
        }
        self.way.close(stalled).await
    }

    /// Puts what is ready behind the others; returns the first that is not.
    async fn push_ready(&mut self) -> Result<Option<Queued>, Ended> {
        while self.outbox.len_bytes() < TOGETHER_BYTES_MAX {
            let Ok(mut queued) = self.answers.try_recv() else {
                return Ok(None);
            };
            match poll_fn(|it| Poll::Ready(queued.poll_parts(it))).await {
                Poll::Ready(parts) => self.push(queued, parts?)?,
                Poll::Pending => return Ok(Some(queued)),
            }
        }
        Ok(None)
    }

    fn push(&mut self, queued: Queued, parts: Option<Parts>) -> Result<(), Ended> {
        let metrics = &self.broker.metrics;
        metrics.note_request(queued.api, queued.began.elapsed());
        if let Some(parts) = parts {
            self.outbox.push(parts)?;
            self.permits.push(queued.permit);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::ApiVersionsRequest;

    use super::*;
    use crate::access::Users;
    use crate::api::tests::{Trial, frame_of};
    use crate::broker::Options;

    /// A client that takes nothing.
    struct Deaf;

    impl Way for Deaf {
        async fn send(&mut self, _outbox: &mut Outbox, stalled: Duration) -> Result<(), Ended> {
            Err(Ended::Stalled(stalled))
        }

        async fn close(&mut self, _stalled: Duration) -> Result<(), Ended> {
            Ok(())
        }
    }

    /// Why a connection ended whose client asks one thing and takes no answer.
    fn end_of_deaf(trial: &Trial) -> Ended {
        let request = frame_of(&ApiVersionsRequest::default(), 3);
        let length = u32::try_from(request.len()).expect("it is short");
        let bytes = [&length.to_be_bytes(), &request[..]].concat();
        let (_end, ending) = watch::channel(false);
        let pool = Pool::default();
        let talk = talk(&trial.context, (&bytes[..], Deaf), &pool, ending);
        let ended = trial.runtime.block_on(talk);
        ended.expect_err("it takes nothing")
    }

    #[test]
    fn what_strangers_do_is_told_to_nobody() {
        let ended = end_of_deaf(&Trial::new());
        assert!(matches!(ended, Ended::Stalled(_)) && !ended.is_common());
        let guarded = Trial::with(|data| {
            let users = Users::path_in(data);
            Users::change(&users, |it| it.set("ann", "secret")).expect("she is added");
            let mut options = Options::new(data);
            options.access.is_on = true;
            options
        });
        let ended = end_of_deaf(&guarded);
        assert!(matches!(ended, Ended::Stranger(_)) && ended.is_common());
    }
}
