//! One connection: requests in, answers out, in order.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use super::PERMIT_BYTES;
use super::frame::Frames;
use super::send::send;
use crate::api::{Answer, Context, Refused, answer};
use crate::metrics::Metrics;

/// Answers that may be on the way; Java's producers have five requests in flight, librdkafka's as many as they may.
const ANSWERS_MAX: usize = 32;

/// Why a connection was closed by us, or was not closed in order.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("a request of {found} bytes, at most {limit} are taken")]
    Length { found: i32, limit: usize },
    #[error("it ended in the middle of a request")]
    CutOff,
    #[error("nothing came for {0:?}")]
    Idle(Duration),
    #[error("a request of {len_bytes} bytes was not there after {waited:?}")]
    Slow { len_bytes: usize, waited: Duration },
    #[error("it took nothing for {0:?}")]
    Stalled(Duration),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Ended {
    /// Whether it is how connections end that are not needed any more.
    pub(super) fn is_common(&self) -> bool {
        matches!(self, Ended::CutOff | Ended::Idle(_) | Ended::Io(_))
    }
}

/// An answer on its way, and what it holds of the bytes in flight.
struct Queued {
    answer: Answer,
    /// The number of the request.
    api: i16,
    /// When the request was there.
    began: Instant,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Serves a connection to its end.
pub(super) async fn serve(
    context: &Context,
    stream: TcpStream,
    ending: watch::Receiver<bool>,
) -> Result<(), Ended> {
    stream.set_nodelay(true)?;
    let options = &context.broker.options;
    let (read, write) = stream.into_split();
    let frames = Frames::new(
        read,
        options.request_bytes_max,
        options.idle,
        options.stalled,
    );
    let (queue, answers) = mpsc::channel(ANSWERS_MAX);
    let broker = context.broker.clone();
    // Whoever ends first ends the connection: the reader at the end of the requests, and then the answers are still sent;
    // the writer when the client is gone.
    let writer = tokio::spawn(async move {
        let stalled = broker.options.stalled;
        write_answers(write, answers, stalled, &broker.metrics).await
    });
    let abort = AbortOnDrop(writer.abort_handle());
    let read = read_requests(context, frames, queue, ending).await;
    let written = writer.await.unwrap_or(Ok(()));
    drop(abort);
    read.and(written)
}

/// Ends the writer when the connection's own task is ended.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn read_requests(
    context: &Context,
    mut frames: Frames<OwnedReadHalf>,
    queue: mpsc::Sender<Queued>,
    mut ending: watch::Receiver<bool>,
) -> Result<(), Ended> {
    loop {
        let queued = tokio::select! {
            queued = next_answer(context, &mut frames) => queued?,
            // The writer has given up.
            () = queue.closed() => return Ok(()),
            _ = ending.wait_for(|it| *it) => return Ok(()),
        };
        let Some(queued) = queued else {
            return Ok(());
        };
        if queue.send(queued).await.is_err() {
            return Ok(());
        }
    }
}

/// Takes a request and begins it; `None`: the client is gone.
async fn next_answer(
    context: &Context,
    frames: &mut Frames<OwnedReadHalf>,
) -> Result<Option<Queued>, Ended> {
    let Some(length) = frames.next_length().await? else {
        return Ok(None);
    };
    let permit = permit(context, length).await?;
    let body = frames.body(length).await?;
    let (api, began) = (number(&body), Instant::now());
    let answer = answer(context, body).await?;
    Ok(Some(Queued {
        answer,
        api,
        began,
        _permit: permit,
    }))
}

/// Leave to hold so many bytes; small requests need none.
async fn permit(context: &Context, length: usize) -> Result<Option<OwnedSemaphorePermit>, Ended> {
    if length <= PERMIT_BYTES {
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

/// Which request it is; -1: it is too short to be one.
fn number(body: &Bytes) -> i16 {
    body.first_chunk()
        .map_or(-1, |bytes| i16::from_be_bytes(*bytes))
}

async fn write_answers(
    socket: OwnedWriteHalf,
    mut answers: mpsc::Receiver<Queued>,
    stalled: Duration,
    metrics: &Metrics,
) -> Result<(), Ended> {
    while let Some(queued) = answers.recv().await {
        let parts = match queued.answer {
            Answer::Ready(parts) => Some(parts),
            Answer::Later(later) => Some(later.await?),
            Answer::Nothing => None,
        };
        metrics.note_request(queued.api, queued.began.elapsed());
        if let Some(parts) = parts {
            send(&socket, parts, stalled).await?;
        }
    }
    Ok(())
}
