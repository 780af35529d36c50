// The figures of this moment, above the charts.

import * as format from "./format.js";

/** Each has a name, the figure, its unit, and a line that says more. */
const FIGURES = [
  {
    name: "Records in",
    of: ({ now }) => [format.short(now.records_in), "/s", `${format.bytes(now.bytes_in)}/s`],
  },
  {
    name: "Records out",
    of: ({ now }) => [format.short(now.records_out), "/s", `${format.bytes(now.bytes_out)}/s`],
  },
  {
    name: "Produce, p99",
    of: ({ now }) => [
      format.milliseconds(now.produce_p99_ms),
      "",
      `p50 ${format.milliseconds(now.produce_p50_ms)}`,
    ],
  },
  {
    name: "Fetch, p99",
    of: ({ now }) => [
      format.milliseconds(now.fetch_p99_ms),
      "",
      `p50 ${format.milliseconds(now.fetch_p50_ms)}`,
    ],
  },
  {
    name: "Worst lag",
    of: ({ now, groups }) => [
      format.short(now.lag_worst),
      "",
      groups.rows.length && now.lag_worst ? groups.rows[0].group : format.several(groups.count, "group"),
    ],
  },
  {
    name: "Bad records",
    of: ({ contracts }) => [
      format.short(contracts.bad),
      "",
      `of ${format.short(contracts.good + contracts.bad)} checked`,
    ],
  },
  {
    name: "Logs on disk",
    of: ({ disk }) => [format.bytes(disk.log_bytes), "", `${format.bytes(disk.free_bytes)} free`],
  },
  {
    name: "Memory",
    of: ({ now, process }) => [
      format.bytes(now.memory_bytes),
      "",
      `${format.bytes(process.in_flight_bytes)} in requests`,
    ],
  },
  {
    name: "CPU",
    of: ({ now }) => [format.percent(now.cores), "", "100 % is one core"],
  },
  {
    name: "Connections",
    of: ({ process }) => [
      format.count(process.connections),
      "",
      `${format.count(process.connections_refused)} refused`,
    ],
  },
];

/** Shows them in a `dl`; returns what updates them. */
export function makeFigures(list) {
  const shown = FIGURES.map(({ name, of }) => {
    const box = list.appendChild(document.createElement("div"));
    box.appendChild(document.createElement("dt")).textContent = name;
    const now = box.appendChild(document.createElement("dd"));
    now.className = "now";
    const figure = now.appendChild(document.createElement("span"));
    figure.textContent = format.UNKNOWN;
    const unit = now.appendChild(document.createElement("span"));
    unit.className = "unit";
    const more = box.appendChild(document.createElement("dd"));
    more.className = "more";
    // So that the boxes do not grow when the first figures come.
    more.textContent = "\u00a0";
    return { of, figure, unit, more };
  });
  return (snapshot) => {
    for (const { of, figure, unit, more } of shown) {
      const [number, of_what, text] = of(snapshot);
      figure.textContent = number;
      unit.textContent = of_what;
      more.textContent = text;
      more.title = text;
    }
  };
}
