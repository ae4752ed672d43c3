// The little CSV that the page itself needs: to write lists and templates, and to look up the cells of faulty rows.
// Whether a file is valid is decided by the service alone.

// What a spreadsheet runs as a formula: at the beginning of a cell, and behind what some spreadsheet splits cells at.
const FORMULA = /(^|[;,|\t\r\n][\s"]*)(?=[=+\-@])/g;

/**
 * A table as a file that Excel opens in columns, whatever the region: UTF-16 with a byte order mark, separated by tabs
 * ("Unicode Text"). Excel splits other CSV files at the separator of the region only. Cells that it would run are made
 * harmless with an apostrophe.
 */
export function excelText(rows) {
  const text = `\ufeff${rows.map((cells) => `${cells.map((cell) => textCell(String(cell ?? ""))).join("\t")}\r\n`).join("")}`;
  return Uint16Array.from(text, (letter) => letter.charCodeAt(0));
}

function textCell(text) {
  const safe = text.replace(FORMULA, "$1'");
  return /[";,\t\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const SLICE_BYTES = 256 * 1024;

// A record longer than this is no row of access data, and is not looked at.
const MAX_RECORD = 64 * 1024;

// A first line with which Excel is told the separator; the header follows it.
const SEPARATOR_LINE = /^sep=(.)/i;

/**
 * The cells of the records that the wanted physical lines (a Set, 1 is the first) are part of, and the header's names.
 *
 * Reads the file in slices, no further than the last line that is wanted, and takes apart no record that is not. The page
 * gets its turn between two slices, each of which takes some milliseconds.
 */
export async function cellsAt(file, wanted) {
  const found = new Map();
  const lines = [...wanted].sort((one, other) => one - other);
  const records = new Records();
  let header = null;
  let separator = null;
  let next = 0;
  for await (const { slice, last } of lines.length ? slices(file) : []) {
    for (const { begins, ends, text } of records.take(slice, last)) {
      if (!header) {
        const told = SEPARATOR_LINE.exec(text());
        separator ??= told ? told[1] : separatorOf(text());
        if (!told) header = cellsOf(text(), separator).map((name) => name.trim());
      }
      for (; next < lines.length && lines[next] <= ends; next += 1) {
        if (lines[next] >= begins) found.set(lines[next], cellsOf(text(), separator));
      }
      if (next === lines.length) return { header: header ?? [], found };
    }
  }
  return { header: header ?? [], found };
}

async function* slices(file) {
  const mark = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const encoding = { "255,254": "utf-16le", "254,255": "utf-16be" }[mark.join()] ?? "utf-8";
  const decoder = new TextDecoder(encoding);
  for (let at = 0; at < file.size; at += SLICE_BYTES) {
    const last = at + SLICE_BYTES >= file.size;
    yield { slice: decoder.decode(await file.slice(at, at + SLICE_BYTES).arrayBuffer(), { stream: !last }), last };
  }
}

/** Finds the records in the slices of a text. A quote opens a cell at its beginning only (RFC 4180). */
class Records {
  kept = "";
  start = 0;
  from = 0;
  begins = 1;
  line = 1;
  quoted = false;

  /** The records that end in this slice: their first and last line, and their text if it is asked for at once. */
  *take(slice, last) {
    this.kept = this.kept.slice(this.start) + slice;
    this.from -= this.start;
    this.start = 0;
    let quote = -1;
    for (;;) {
      if (this.quoted) {
        if (!this.#leaveQuotes(last)) break;
        continue;
      }
      const end = this.kept.indexOf("\n", this.from);
      if (quote < this.from) quote = indexOrEnd(this.kept, '"', this.from);
      if (end >= 0 && end < quote) {
        yield this.#record(end);
        this.start = this.from = end + 1;
        this.line += 1;
        this.begins = this.line;
      } else if (quote < this.kept.length) {
        this.quoted = quote === this.start || ",;\t|".includes(this.kept[quote - 1]);
        this.from = quote + 1;
      } else {
        this.from = this.kept.length;
        break;
      }
    }
    if (last && this.start < this.kept.length) yield this.#record(this.kept.length);
    if (this.kept.length - this.start > MAX_RECORD) this.start = this.from;
  }

  /** Goes on behind the closing quote; false if it is not in what is known. */
  #leaveQuotes(last) {
    const close = indexOrEnd(this.kept, '"', this.from);
    for (let at = this.kept.indexOf("\n", this.from); at >= 0 && at < close; at = this.kept.indexOf("\n", at + 1)) this.line += 1;
    this.from = close;
    // Whether the last letter closes or is doubled is not known before the next one.
    if (close === this.kept.length || (close === this.kept.length - 1 && !last)) return false;
    const doubled = this.kept[close + 1] === '"';
    this.quoted = doubled;
    this.from = close + (doubled ? 2 : 1);
    return true;
  }

  #record(end) {
    const { kept, start, begins, line } = this;
    return { begins, ends: line, text: () => kept.slice(start, end).replace(/\r$/, "") };
  }
}

function indexOrEnd(text, letter, from) {
  const at = text.indexOf(letter, from);
  return at < 0 ? text.length : at;
}

/** The separator of a header: the one that it has most of. */
function separatorOf(header) {
  const counts = [",", ";", "\t", "|"].map((each) => [header.split(each).length, each]);
  return counts.reduce((most, each) => (each[0] > most[0] ? each : most))[1];
}

/** The cells of one record. */
function cellsOf(record, separator) {
  const cells = [];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < record.length; at += 1) {
    const letter = record[at];
    if (quoted && letter === '"' && record[at + 1] === '"') {
      cell += '"';
      at += 1;
    } else if (quoted && letter === '"') quoted = false;
    else if (quoted) cell += letter;
    else if (letter === '"' && cell === "") quoted = true;
    else if (letter === separator) {
      cells.push(cell);
      cell = "";
    } else cell += letter;
  }
  return [...cells, cell];
}
