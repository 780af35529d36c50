// Charts, drawn by uPlot. What a chart shows stands above it as text, too: the last values, or those of the moment that the pointer or
// the keyboard chose.

/* global uPlot */

import * as format from "./format.js";

/** Lines have a column of the history, a name and one of four colours of the style sheet. */
const CHARTS = [
  {
    title: "Records per second",
    isOfTopic: true,
    show: format.short,
    lines: [
      { column: "records_in", name: "in", colour: "one", isFilled: true },
      { column: "records_out", name: "out", colour: "two", isDashed: true },
    ],
  },
  {
    title: "Bytes per second",
    isOfTopic: true,
    isBinary: true,
    show: format.bytes,
    lines: [
      { column: "bytes_in", name: "in", colour: "one", isFilled: true },
      { column: "bytes_out", name: "out", colour: "two", isDashed: true },
    ],
  },
  {
    title: "Time of requests",
    note: "a Fetch may wait for records",
    isLogarithmic: true,
    show: format.milliseconds,
    lines: [
      { column: "produce_p50_ms", name: "Produce p50", colour: "one" },
      { column: "produce_p99_ms", name: "Produce p99", colour: "one", isDashed: true },
      { column: "fetch_p50_ms", name: "Fetch p50", colour: "two" },
      { column: "fetch_p99_ms", name: "Fetch p99", colour: "two", isDashed: true },
    ],
  },
  {
    title: "Lag of consumer groups",
    show: format.short,
    lines: [
      { column: "lag_worst", name: "worst", colour: "three", isFilled: true },
      { column: "lag_sum", name: "all together", colour: "four", isDashed: true },
    ],
  },
  {
    title: "Bad records per second",
    show: format.short,
    lines: [{ column: "bad", name: "bad", colour: "two", isFilled: true }],
  },
  {
    title: "CPU",
    note: "100 % is one core",
    show: format.percent,
    lines: [{ column: "cores", name: "this broker", colour: "four", isFilled: true }],
  },
];

const AXIS_FONT = "11px system-ui, sans-serif";
const BINARY_STEPS = Array.from({ length: 51 }, (_, power) => 2 ** power);

/** Shows all of them in `place`; returns what draws them. */
export function makeCharts(place) {
  const choose = (moment) => charts.forEach((chart) => chart.point(moment));
  const charts = CHARTS.map((kind) => new Chart(kind, place, choose));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    charts.forEach((chart) => chart.build()),
  );
  /** The last `span` seconds of a history before a moment; of one topic, if a chart knows of topics. */
  return (history, untilMs, span, topic) => {
    for (const chart of charts) {
      const of = chart.kind.isOfTopic ? topic : "";
      chart.draw(history.columns(of), untilMs, span, of);
    }
  };
}

class Chart {
  #plot = null;
  #data;
  #range = [0, 1];

  /** `choose` is told of a moment, in seconds, that all charts are to tell of; of `null` for the last one. */
  constructor(kind, place, choose) {
    this.kind = kind;
    this.#data = [[], ...kind.lines.map(() => [])];
    const figure = place.appendChild(document.createElement("figure"));
    const caption = figure.appendChild(document.createElement("figcaption"));
    this.title = caption.appendChild(document.createElement("h3"));
    this.title.textContent = kind.title;
    this.when = caption.appendChild(document.createElement("span"));
    this.when.className = "when";
    this.values = makeLegend(figure, kind.lines);
    this.drawing = figure.appendChild(document.createElement("div"));
    this.drawing.className = "drawing";
    this.#takeKeys(choose);
    new ResizeObserver(() => this.#fit()).observe(this.drawing);
    this.build();
  }

  /** Makes the drawing anew, in the colours of now. */
  build() {
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(), this.#data, this.drawing);
  }

  draw(columns, untilMs, span, topic) {
    this.#range = [untilMs / 1000 - span, untilMs / 1000];
    this.drawing.setAttribute("aria-valuemin", -span);
    // Copies: the history goes on while the page is paused.
    const end = columns.at_ms.findLastIndex((it) => it <= untilMs) + 1;
    const lines = this.kind.lines.map(({ column }) => columns[column]?.slice(0, end) ?? []);
    this.#data = [columns.at_ms.slice(0, end).map((it) => it / 1000), ...lines];
    this.#plot.setData(this.#data);
    this.title.textContent = topic ? `${this.kind.title} of ${topic}` : this.kind.title;
    this.tell();
  }

  /** Tells of a moment instead of the last one, if it is not `null`. */
  point(moment) {
    const left = moment == null ? -1 : this.#plot.valToPos(moment, "x");
    this.#plot.setCursor({ left, top: left });
  }

  /** Writes the values of the last point, or of the one that was chosen. */
  tell() {
    const [times, ...lines] = this.#data;
    const pointed = this.#plot?.cursor.idx;
    // A topic that is not among the busiest any more has no values of now.
    const isOld = times.at(-1) < this.#range[1] - 2;
    const index = pointed ?? (isOld ? -1 : times.length - 1);
    lines.forEach((line, number) => {
      this.values[number].textContent = this.kind.show(line[index]);
    });
    const note = isOld ? "it is not among the busiest now" : (this.kind.note ?? "");
    this.when.textContent = pointed == null ? note : `at ${format.time(times[index] * 1000)}`;
  }

  /** The drawing is a slider through time: arrows, pages, Home and End choose a moment, Escape and leaving it the last one. */
  #takeKeys(choose) {
    const { drawing } = this;
    const set = (values) => Object.entries(values).forEach(([name, value]) => drawing.setAttribute(name, value));
    const letGo = () => {
      choose(null);
      set({ "aria-valuenow": 0, "aria-valuetext": "now" });
    };
    const step = (event) => {
      const [times] = this.#data;
      const first = times.findIndex((time) => time >= this.#range[0]);
      const last = times.length - 1;
      const at = this.#plot.cursor.idx ?? last;
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, PageDown: at - 10, PageUp: at + 10, Home: first, End: last }[event.key];
      if (event.key === "Escape") letGo();
      if (to === undefined || first < 0) return;
      event.preventDefault();
      const time = times[Math.min(Math.max(to, first), last)];
      choose(time);
      const values = this.kind.lines.map(({ name }, number) => `${name} ${this.values[number].textContent}`);
      const text = `${format.time(time * 1000)}: ${values.join(", ")}`;
      set({ "aria-valuenow": Math.round(time - times[last]), "aria-valuetext": text });
    };
    set({ tabindex: 0, role: "slider", "aria-label": `Moment of: ${this.kind.title}` });
    set({ "aria-valuemax": 0, "aria-valuenow": 0, "aria-valuetext": "now" });
    drawing.addEventListener("keydown", step);
    drawing.addEventListener("blur", letGo);
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.drawing;
    if (width && height) this.#plot.setSize({ width, height });
  }

  #options() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = { stroke: colour("quiet"), font: AXIS_FONT, ticks: { show: false } };
    const grid = { stroke: colour("grid"), width: 1 };
    const line = ({ name, colour: of, isDashed, isFilled }) => ({
      label: name,
      stroke: colour(of),
      width: 1.5,
      // What comes in often goes out at once: both lines are to be seen where they are one.
      dash: isDashed ? [5, 4] : undefined,
      fill: isFilled ? `${colour(of)}1f` : undefined,
      points: { show: true, size: 4, fill: colour(of), filter: lonely },
    });
    return {
      width: this.drawing.clientWidth || 300,
      height: this.drawing.clientHeight || 168,
      padding: [8, 18, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "all" }, drag: { x: false, y: false }, points: { size: 6 } },
      series: [{}, ...this.kind.lines.map(line)],
      scales: { x: { range: () => this.#range }, y: this.#scale() },
      axes: [
        { ...axis, size: 24, grid: { show: false }, space: () => this.#timeSpace(), values: (_, splits) => splits.map(timeOfDay) },
        {
          ...axis,
          grid,
          size: 62,
          gap: 6,
          space: 34,
          incrs: this.kind.isBinary ? BINARY_STEPS : undefined,
          splits: this.kind.isLogarithmic ? decades : undefined,
          filter: (_, splits) => splits,
          values: (_, splits) => splits.map((it) => (it == null ? null : this.kind.show(it))),
        },
      ],
      hooks: { setCursor: [() => this.tell()] },
    };
  }

  /** Pixels between two times: where there are seconds, they take more. */
  #timeSpace() {
    return this.#range[1] - this.#range[0] <= 60 ? 64 : 44;
  }

  #scale() {
    if (!this.kind.isLogarithmic) {
      return { range: (_, __, most) => (most > 0 ? [0, most * 1.12] : [0, 1]) };
    }
    const decade = (of, number) => 10 ** of(Math.log10(number));
    const range = (_, least, most) => {
      if (!(most > 0)) return [0.1, 10];
      const [from, to] = [decade(Math.floor, least), decade(Math.ceil, most)];
      return [from, to > from ? to : from * 10];
    };
    return { distr: 3, range };
  }
}

/** `14:03`, and the seconds where there are some. */
function timeOfDay(atSeconds) {
  const time = format.time(atSeconds * 1000);
  return time.endsWith(":00") ? time.slice(0, -3) : time;
}

/** Lines at 1, 10, 100 and so on, and at nothing between them. */
function decades(_, __, from, to) {
  const found = [];
  for (let line = from; line <= to * 1.001; line *= 10) found.push(line);
  return found;
}

/** A list of the lines with room for a value each; returns where the values go. */
function makeLegend(figure, lines) {
  const legend = figure.appendChild(document.createElement("ul"));
  legend.className = "legend";
  return lines.map(({ name, colour, isDashed }) => {
    const item = legend.appendChild(document.createElement("li"));
    const swatch = item.appendChild(document.createElement("span"));
    swatch.className = `swatch ${colour}${isDashed ? " dashed" : ""}`;
    const label = item.appendChild(document.createElement("span"));
    label.className = "name";
    label.textContent = name;
    return item.appendChild(document.createElement("span"));
  });
}

/** Points with nothing beside them, of which no line would show anything. */
function lonely(plot, series) {
  const line = plot.data[series];
  const found = [];
  const [from, to] = plot.series[0].idxs ?? [0, line.length - 1];
  for (let index = from; index <= to; index += 1) {
    if (line[index] != null && line[index - 1] == null && line[index + 1] == null) found.push(index);
  }
  return found;
}
