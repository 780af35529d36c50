// Tables of topics, groups, rules and records. Everything in them comes from outside, and is put there as text.

import * as format from "./format.js";

const TOPICS = {
  caption: "Topics, busiest first",
  columns: [
    { name: "Topic", of: (row) => row.name, kind: "name" },
    { name: "Records in/s", of: (row) => format.short(row.records_in), kind: "number" },
    { name: "Records out/s", of: (row) => format.short(row.records_out), kind: "number" },
    { name: "Bytes in/s", of: (row) => format.bytes(row.bytes_in), kind: "number" },
    { name: "Bytes out/s", of: (row) => format.bytes(row.bytes_out), kind: "number" },
    { name: "On disk", of: (row) => format.bytes(row.log_bytes), kind: "number" },
    { name: "Offsets", of: (row) => format.count(row.offsets), kind: "number" },
    { name: "Partitions", of: (row) => format.count(row.partitions), kind: "number" },
  ],
};

const GROUPS = {
  caption: "Consumer groups by topic, the furthest behind first",
  columns: [
    { name: "Group", of: (row) => row.group, kind: "name" },
    { name: "Topic", of: (row) => row.topic, kind: "text" },
    { name: "Lag", of: (row) => format.count(row.lag), kind: "number" },
    { name: "Partitions", of: (row) => format.count(row.partitions), kind: "number" },
  ],
};

/** What becomes of bad records, by how a topic stands to its contract. */
const STANDINGS = {
  rejected: "rejected with their batch",
  "dead-letter": "put into the topic of dead letters",
  tagged: "tagged",
  passed: "taken: a dry run",
  off: "not looked for",
  none: "taken: it has no contract any more",
  shut: "rejected, and all others: its contract cannot be used, as the broker's log says",
};

const CONTRACTS = {
  caption: "Topics with a contract, most bad records first",
  columns: [
    { name: "Topic", of: (row) => row.topic, kind: "name" },
    { name: "Bad records are", of: (row) => STANDINGS[row.standing] ?? row.standing, kind: "reason" },
    { name: "Good", of: (row) => format.count(row.good), kind: "number" },
    { name: "Bad", of: (row) => format.count(row.bad), kind: "number" },
    { name: "Dead letters", of: (row) => format.count(row.dead_letters), kind: "number" },
    { name: "Batches rejected", of: (row) => format.count(row.batches_rejected), kind: "number" },
    { name: "Check of a record", of: checkTime, kind: "number" },
  ],
};

const RULES = {
  caption: "Broken rules, most often first",
  columns: [
    { name: "Topic", of: (row) => row.topic, kind: "name" },
    { name: "Column", of: (row) => row.column ?? "(the record)", kind: "text" },
    { name: "Rule", of: (row) => row.rule, kind: "text" },
    { name: "Times", of: (row) => format.count(row.count), kind: "number" },
  ],
};

const REFUSALS = {
  caption: "Last records that broke a contract, newest first",
  columns: [
    { name: "Time", of: (row) => format.time(row.at_ms), kind: "text" },
    { name: "Topic", of: (row) => row.topic, kind: "name" },
    { name: "Fate", of: (row) => row.fate, kind: "fate" },
    { name: "Reason", of: (row) => row.reason, kind: "reason" },
    { name: "Value", of: (row) => row.value, kind: "value" },
    { name: "Partition", of: (row) => String(row.partition), kind: "number" },
    { name: "Record of batch", of: (row) => String(row.index), kind: "number" },
  ],
};

function checkTime(row) {
  const records = row.good + row.bad;
  return records ? format.milliseconds(row.check_ns / records / 1e6) : format.UNKNOWN;
}

/** Makes all tables of the page; returns what fills them with a snapshot, or what of it is of one topic. */
export function makeTables(find) {
  const tables = {
    topics: new Table(find("topics"), TOPICS),
    groups: new Table(find("groups"), GROUPS),
    contracts: new Table(find("contracts"), CONTRACTS),
    rules: new Table(find("rules"), RULES),
    refusals: new Table(find("refusals"), REFUSALS),
  };
  return ({ topics, groups, contracts, refusals, refusals_withheld }, topic) => {
    const within = (rows) => (topic ? rows.filter((row) => row.topic === topic) : rows);
    tables.topics.fill(topics.rows, (row) => row.name === topic);
    tables.groups.fill(within(groups.rows));
    tables.contracts.fill(within(contracts.topics));
    tables.rules.fill(within(contracts.rules));
    tables.refusals.fill(within(refusals));
    find("topics-note").textContent = topicsNote(topics);
    find("groups-note").textContent = groupsNote(groups);
    find("contracts-note").textContent = contractsNote(contracts);
    find("refusals-note").textContent = refusalsNote(within(refusals), refusals_withheld, contracts, topic);
    find("rules-heading").hidden = within(contracts.rules).length === 0;
    find("first-record").hidden = topics.count > 0;
    find("no-contracts").hidden = contracts.count > 0;
  };
}

function topicsNote({ count, partitions, rows }) {
  if (count === 0) return "";
  const all = `${format.several(count, "topic")} with ${format.several(partitions, "partition")}`;
  return rows.length < count ? `${all}; the busiest ${rows.length} are shown, ${format.count(count - rows.length)} more are not` : all;
}

function groupsNote({ count, pairs, rows, left_out }) {
  if (count === 0) return "No consumer group has members or committed offsets.";
  let text = format.several(count, "group");
  if (rows.length < pairs) text += `; the ${rows.length} furthest behind are shown, ${format.count(pairs - rows.length)} more are not`;
  if (left_out) text += `; ${format.count(left_out)} committed offsets more were not looked at`;
  return text;
}

function contractsNote({ count, topics, rule_count, rules }) {
  if (count === 0) return "";
  let text = `${format.several(count, "topic")} with a contract`;
  if (topics.length < count) text += `, ${format.count(count - topics.length)} of which are not shown`;
  if (rules.length < rule_count) text += `; of ${format.several(rule_count, "broken rule")} the ${rules.length} that are broken most often`;
  return `${text}; counted since the broker started`;
}

function refusalsNote(refusals, withheld, contracts, topic) {
  if (withheld) {
    const shown = refusals.length ? "The beginnings of their values, as text. " : "";
    return `${shown}Bad records of topics that you may not read are not shown: ${format.count(withheld)} of the last ones.`;
  }
  if (refusals.length) return "The beginnings of their values, as text";
  if (!contracts.count) return "Records that break the contract of their topic are shown here.";
  return topic ? `None of the last bad records was for ${topic}.` : "No record broke a contract since the broker started.";
}

class Table {
  constructor(place, { caption, columns }) {
    this.columns = columns;
    this.scroll = document.createElement("div");
    this.scroll.className = "scroll";
    this.scroll.setAttribute("role", "region");
    this.scroll.setAttribute("aria-label", caption);
    // So that the keyboard can scroll it.
    this.scroll.tabIndex = 0;
    const table = this.scroll.appendChild(document.createElement("table"));
    const head = table.createTHead().insertRow();
    for (const { name, kind } of columns) {
      const cell = head.appendChild(document.createElement("th"));
      cell.scope = "col";
      cell.textContent = name;
      if (kind === "number") cell.className = "number";
    }
    this.body = table.createTBody();
    this.scroll.hidden = true;
    place.append(this.scroll);
  }

  /** Shows these rows. Cells that stay as they are are not touched, so that whoever selects text in one keeps it. */
  fill(rows, isChosen = () => false) {
    this.scroll.hidden = rows.length === 0;
    while (this.body.rows.length > rows.length) this.body.deleteRow(-1);
    rows.forEach((row, index) => {
      const shown = this.body.rows[index] ?? this.#insert();
      shown.className = isChosen(row) ? "chosen" : "";
      this.columns.forEach(({ of, kind }, number) => {
        const place = kind === "fate" ? shown.cells[number].firstChild : shown.cells[number];
        const text = of(row);
        if (place.textContent === text) return;
        place.textContent = text;
        if (kind === "fate") place.className = `fate fate-${text}`;
      });
    });
  }

  #insert() {
    const row = this.body.insertRow();
    this.columns.forEach(({ kind }, number) => {
      // The first column says what the row is about, unless it is a time.
      const isHead = number === 0 && kind === "name";
      const cell = row.appendChild(document.createElement(isHead ? "th" : "td"));
      if (isHead) cell.scope = "row";
      if (kind === "fate") cell.appendChild(document.createElement("span"));
      cell.className = { name: "name-cell", number: "number", reason: "reason", value: "value" }[kind] ?? "";
    });
    return row;
  }
}
