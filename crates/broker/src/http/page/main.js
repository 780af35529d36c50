// The page: what the broker says goes into the history, and what is shown is made of the history and the last snapshot.
//
//   stream.js   events of the broker, and what is wrong when there are none
//   history.js  the points of the charts
//   figures.js  charts.js  tables.js   what is shown
//   format.js   numbers as people read them

import { makeCharts } from "./charts.js";
import { makeFigures } from "./figures.js";
import * as format from "./format.js";
import { History } from "./history.js";
import { watch } from "./stream.js";
import { makeTables } from "./tables.js";

const find = (id) => document.getElementById(id);
const history = new History();
const showFigures = makeFigures(find("figures"));
const showCharts = makeCharts(find("charts"));
const showTables = makeTables(find);

/** The last snapshot; while the page is paused, the one that is shown is older. */
let latest = null;
let shown = null;
let state = "connecting";
let isPaused = false;

const STATES = {
  connecting: "Connecting…",
  live: "Live",
  starting: "The broker is starting",
  ending: "The broker is ending",
  crowded: "The broker has no stream for this page; trying again",
  denied: "You may not watch this broker any more; trying again",
  forgotten: "Your user is removed or has another password: load this page again to log in",
  lost: "No connection to the broker; trying again",
};

watch({
  onHistory: (columns) => history.reset(columns),
  onSnapshot(snapshot) {
    history.push(snapshot);
    latest = snapshot;
    if (!isPaused) show();
  },
  onState(next) {
    state = next;
    tellState();
  },
});

find("topic").addEventListener("change", redraw);
find("span").addEventListener("change", redraw);
find("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  find("pause").textContent = isPaused ? "Resume" : "Pause";
  tellState();
  if (!isPaused && latest) show();
});

/** Shows the latest snapshot. */
function show() {
  shown = latest;
  tellTopics(shown.topics.rows);
  tellAbout(shown);
  showFigures(shown);
  redraw();
}

/** Shows the same again, after something else was chosen. */
function redraw() {
  if (!shown) return;
  const topic = find("topic").value;
  showCharts(history, shown.now.at_ms, Number(find("span").value), topic);
  showTables(shown, topic);
}

/** Says how it goes, if that is news: who hears the page hears this. */
function tellState() {
  const isHeld = isPaused && state === "live";
  const text = isHeld ? "Paused" : STATES[state];
  const status = find("status");
  if (status.textContent === text) return;
  status.textContent = text;
  status.dataset.state = isHeld ? "paused" : state;
}

function tellAbout({ version, uptime_s, addresses, topics }) {
  find("about").textContent = `${version} · ${addresses.join(", ")} · up ${format.duration(uptime_s)}`;
  document.title = addresses.length ? `Tamis ${addresses[0]}` : "Tamis";
  const failed = find("failed");
  failed.hidden = topics.failed_count === 0;
  if (topics.failed_count) {
    const more = topics.failed_count - topics.failed.length;
    const names = topics.failed.join(", ") + (more ? ` and ${format.count(more)} more` : "");
    const text = `Making records durable failed, so these take nothing more until the broker is started again: ${names}`;
    if (failed.textContent !== text) failed.textContent = text;
  }
  find("first-command").textContent = firstCommand(addresses[0] ?? "127.0.0.1:9092");
}

function firstCommand(address) {
  // Where it listens everywhere it listens here, too.
  const bootstrap = address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
  const option = bootstrap === "127.0.0.1:9092" ? "" : ` --bootstrap ${bootstrap}`;
  return `printf 'hello\\nworld\\n' | tamis produce greetings${option}`;
}

/** Offers the topics that are shown, by name, and the one that is chosen. */
function tellTopics(rows) {
  const select = find("topic");
  const names = new Set(rows.map((row) => row.name));
  if (select.value) names.add(select.value);
  const wanted = ["", ...[...names].sort()];
  const offered = [...select.options].map((option) => option.value);
  // A list that is open would be closed by a change.
  if (wanted.join("\n") === offered.join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(...wanted.map((name) => new Option(name || "All topics", name)));
  select.value = chosen;
}
