// The stream of events from the broker, and what is known of the broker while there is none.
//
// A browser that lost a stream would come back by itself, but not from an answer such as 503; so we do it for all cases. A page that
// nobody sees lets go of its stream: the broker keeps the history, so nothing is missing when it is looked at again.

const RETRY_MS = 2000;
// The broker says something every second, or every five if it has much to do.
const SILENCE_MS = 12000;
const PATIENCE_MS = 5000;

// What whoever watches has lost, as the broker says it at the end of a stream, and by the status of an answer that is none.
const LOST = { user: "forgotten", grant: "denied" };
const REFUSED = { 401: "forgotten", 403: "denied" };

/**
 * Watches from now on. `onHistory` and `onSnapshot` get what the broker says; `onState` gets one of `live`, `lost`, `starting`,
 * `ending`, `crowded`, `denied`, `forgotten`.
 */
export function watch({ onHistory, onSnapshot, onState }) {
  let source = null;
  let timer = 0;
  // How many streams there were: what is learnt late of one is not said of the next.
  let round = 0;

  function open() {
    close();
    round += 1;
    source = new EventSource("/live");
    source.addEventListener("history", (event) => onHistory(JSON.parse(event.data)));
    source.addEventListener("snapshot", (event) => {
      expectMore();
      onState("live");
      onSnapshot(JSON.parse(event.data));
    });
    source.addEventListener("denied", (event) => comeBack(LOST[JSON.parse(event.data).lost]));
    source.addEventListener("ending", () => comeBack("ending"));
    source.addEventListener("error", () => comeBack());
    expectMore();
  }

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function expectMore() {
    clearTimeout(timer);
    timer = setTimeout(() => comeBack(), SILENCE_MS);
  }

  async function comeBack(known) {
    close();
    const ended = round;
    const state = known ?? (await whatIsWrong());
    if (ended !== round || document.hidden) return;
    onState(state);
    // Each time that we asked the browser would ask for a password.
    if (state !== "forgotten") timer = setTimeout(open, RETRY_MS);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!source) open();
  });
  if (!document.hidden) open();
}

/** Why there is no stream. */
async function whatIsWrong() {
  const ask = (path, method) => fetch(path, { method, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  try {
    const text = (await (await ask("/readyz", "GET")).text()).trim();
    if (text === "starting" || text === "ending") return text;
    const { status } = await ask("/live", "HEAD");
    // It serves, and has no stream for us, or for anybody more.
    return REFUSED[status] ?? "crowded";
  } catch {
    return "lost";
  }
}
