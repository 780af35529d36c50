// The stream of events from the broker, and what is known of the broker while there is none.
//
// A browser that lost a stream would come back by itself, but not from an answer such as 503; so we do it for all cases. A page that
// nobody sees lets go of its stream: the broker keeps the history, so nothing is missing when it is looked at again.

const RETRY_MS = 2000;
// The broker says something every second, or every five if it has much to do.
const SILENCE_MS = 12000;

/**
 * Watches from now on. `onHistory` and `onSnapshot` get what the broker says; `onState` gets one of `live`, `lost`, `starting`,
 * `ending`, `crowded`.
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

  async function comeBack(state) {
    close();
    clearTimeout(timer);
    timer = setTimeout(open, RETRY_MS);
    onState(state ?? (await whatIsWrong()));
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
    return "crowded";
  } catch {
    return "lost";
  }
}
