// The stream of events from the broker, and what is known of the broker while there is none.
//
// A browser that lost a stream would come back by itself, but not from an answer such as 503; so we do it for all cases. A page that
// nobody sees lets go of its stream: the broker keeps the history, so nothing is missing when it is looked at again.

const RETRY_MS = 2000;
// The broker says something every second, or every five if it has much to do.
const SILENCE_MS = 12000;

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

  function open() {
    clearTimeout(timer);
    close();
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
    source?.close();
    source = null;
  }

  function expectMore() {
    clearTimeout(timer);
    timer = setTimeout(() => comeBack(), SILENCE_MS);
  }

  async function comeBack(known) {
    close();
    clearTimeout(timer);
    timer = setTimeout(open, RETRY_MS);
    const state = known ?? (await whatIsWrong());
    if (state === "forgotten") {
      // Each time that we asked the browser would ask for a password.
      close();
      clearTimeout(timer);
    }
    onState(state);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(timer);
      close();
    } else if (!source) {
      open();
    }
  });
  open();
}

/** Why there is no stream. */
async function whatIsWrong() {
  try {
    const answer = await fetch("/readyz", { cache: "no-store" });
    const text = (await answer.text()).trim();
    if (text === "starting" || text === "ending") return text;
    // It serves, and has no stream for us.
    const refused = await fetch("/live", { method: "HEAD", cache: "no-store" });
    return REFUSED[refused.status] ?? "crowded";
  } catch {
    return "lost";
  }
}
