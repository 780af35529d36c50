// Numbers as people read them: three digits that count, and a unit.

const SI = ["", "k", "M", "G", "T", "P"];
const IEC = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** What is shown where nothing is known. */
export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** `0.25`, `3.5`, `42`, `999`: three digits at most, unless there are more before the point. */
function digits(number) {
  if (number === 0) return "0";
  const places = number >= 100 ? 0 : number >= 10 ? 1 : 2;
  return String(Number(number.toFixed(places)));
}

function scaled(number, base, units) {
  let size = number;
  let unit = 0;
  // What would be rounded up to a thousand is one of the next unit.
  while (size >= base - 0.5 && unit < units.length - 1) {
    size /= base;
    unit += 1;
  }
  return [digits(size), units[unit]];
}

/** `12,345`: every one of them counts. */
export function count(number) {
  return number == null ? UNKNOWN : whole.format(number);
}

/** `12.3 k`. */
export function short(number) {
  if (number == null) return UNKNOWN;
  const [text, unit] = scaled(number, 1000, SI);
  return unit ? `${text} ${unit}` : text;
}

/** `1.5 MiB`. */
export function bytes(number) {
  return number == null ? UNKNOWN : scaled(number, 1024, IEC).join(" ");
}

/** Milliseconds: `250 µs`, `1.5 ms`, `2 s`. */
export function milliseconds(number) {
  if (number == null) return UNKNOWN;
  if (number > 0 && number < 1) return `${digits(number * 1000)} µs`;
  return number < 1000 ? `${digits(number)} ms` : `${digits(number / 1000)} s`;
}

/** A part of a processor: `35 %`. */
export function percent(part) {
  return part == null ? UNKNOWN : `${digits(part * 100)} %`;
}

/** Seconds: `12 s`, `5 min`, `3 h 20 min`, `4 d 2 h`. */
export function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  return minutes ? `${minutes} min` : `${seconds} s`;
}

/** The time of day of a moment, in milliseconds since 1970: `14:03:59`. */
export function time(atMs) {
  return new Date(atMs).toLocaleTimeString("en-GB");
}

/** `1 topic`, `2 topics`. */
export function several(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}
