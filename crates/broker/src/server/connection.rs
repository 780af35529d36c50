//! One connection: requests in, answers out, in order.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::PERMIT_BYTES;
use super::frame::Frames;
use super::send::send;
use crate::api::{Answer, Context, Refused, answer};

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
    #[error("it took nothing for {0:?}")]
    Stalled(Duration),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// An answer on its way, and what it holds of the bytes in flight.
struct Queued {
    answer: Answer,
    _permit: OwnedSemaphorePermit,
}

/// Serves a connection to its end.
pub(super) async fn serve(context: &Context, stream: TcpStream) -> Result<(), Ended> {
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
    let stalled = options.stalled;
    // Whoever ends first ends the connection: the reader at the end of the requests, and then the answers are still sent;
    // the writer when the client is gone.
    let writer = tokio::spawn(write_answers(write, answers, stalled));
    let abort = AbortOnDrop(writer.abort_handle());
    let read = read_requests(context, frames, queue).await;
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
    mut frames: Frames<tokio::net::tcp::OwnedReadHalf>,
    queue: mpsc::Sender<Queued>,
) -> Result<(), Ended> {
    let in_flight = &context.broker.in_flight;
    let units_max = (context.broker.options.in_flight_bytes / PERMIT_BYTES).max(1);
    while let Some(length) = frames.next_length().await? {
        let units = length.div_ceil(PERMIT_BYTES).clamp(1, units_max);
        let permit = in_flight.clone().acquire_many_owned(units as u32).await;
        let permit = permit.map_err(|_| Ended::CutOff)?;
        let body = frames.body(length).await?;
        let answer = tokio::select! {
            answer = answer(context, body) => answer?,
            () = queue.closed() => return Ok(()),
        };
        let queued = Queued {
            answer,
            _permit: permit,
        };
        if queue.send(queued).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

async fn write_answers(
    socket: OwnedWriteHalf,
    mut answers: mpsc::Receiver<Queued>,
    stalled: Duration,
) -> Result<(), Ended> {
    while let Some(queued) = answers.recv().await {
        let parts = match queued.answer {
            Answer::Ready(parts) => Some(parts),
            Answer::Later(later) => Some(later.await?),
            Answer::Nothing => None,
        };
        if let Some(parts) = parts {
            send(&socket, parts, stalled).await?;
        }
    }
    Ok(())
}
