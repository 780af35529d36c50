// What the charts show: figures by second, for as long as the broker keeps them.
//
// The broker remembers the figures of all topics together. Those of one topic begin when the page was opened: to keep them for ten
// thousand topics is too much, here as there, so only those are kept that were among the busiest.

const POINTS_MAX = 900;
// Points of a topic that are further apart have nothing between them: the page was not seen, or the topic not among the busiest.
const GAP_MS = 10_000;
const TOPICS_MAX = 200;

/** Of a topic. */
const FLOWS = ["records_in", "records_out", "bytes_in", "bytes_out"];
const NOTHING = Object.fromEntries(FLOWS.map((name) => [name, null]));

export class History {
  #columns = { at_ms: [] };
  #topics = new Map();

  /** Takes all that the broker has. */
  reset(columns) {
    this.#columns = columns;
  }

  /** Takes what is new in a snapshot. */
  push(snapshot) {
    const { now } = snapshot;
    const times = this.#columns.at_ms;
    // The first snapshot comes with the history, and is in it.
    if (times.at(-1) === now.at_ms) return;
    append(this.#columns, now);
    for (const row of snapshot.topics.rows) {
      const columns = this.#topics.get(row.name) ?? { at_ms: [] };
      if (now.at_ms - columns.at_ms.at(-1) > GAP_MS) append(columns, { at_ms: now.at_ms - 1, ...NOTHING });
      append(columns, { at_ms: now.at_ms, ...pick(row, FLOWS) });
      // One that was just seen is the last to be forgotten.
      this.#topics.delete(row.name);
      this.#topics.set(row.name, columns);
    }
    for (const name of this.#topics.keys()) {
      if (this.#topics.size <= TOPICS_MAX) break;
      this.#topics.delete(name);
    }
  }

  /** Times and figures by name, of all topics or of one. */
  columns(topic) {
    if (!topic) return this.#columns;
    return this.#topics.get(topic) ?? { at_ms: [] };
  }
}

function append(columns, figures) {
  for (const [name, figure] of Object.entries(figures)) {
    const column = (columns[name] ??= []);
    column.push(figure);
    if (column.length > POINTS_MAX) column.shift();
  }
}

function pick(row, names) {
  return Object.fromEntries(names.map((name) => [name, row[name]]));
}
