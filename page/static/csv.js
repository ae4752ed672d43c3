// The little CSV that the page itself needs: to write findings and templates, and to look up the cells of faulty rows.
// Whether a file is valid is decided by the service alone.

// A spreadsheet runs a cell that begins with one of these as a formula.
const FORMULA = /^[=+\-@\t\r]/;

/** One CSV line. Cells that a spreadsheet would run are made harmless with an apostrophe. */
export function csvLine(cells) {
  return `${cells.map((cell) => csvCell(String(cell ?? ""))).join(",")}\r\n`;
}

function csvCell(text) {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// A first line with which Excel is told the separator; the header follows it.
const SEPARATOR_LINE = /^sep=/i;

/**
 * The cells of the records that begin at the wanted physical lines (a Set, 1 is the first), and the header's names.
 * Reads no further than the last line that is wanted, in constant memory.
 */
export async function cellsAt(file, wanted) {
  const found = new Map();
  let header = null;
  if (wanted.size === 0) return { header: [], found };
  const last = Math.max(...wanted);
  for await (const { line, cells } of records(file)) {
    if (!header && !SEPARATOR_LINE.test(cells[0])) header = cells.map((name) => name.trim());
    if (wanted.has(line)) found.set(line, cells);
    if (line >= last) break;
  }
  return { header: header ?? [], found };
}

// A record longer than this is no row of access data; what is beyond is not kept.
const MAX_RECORD = 64 * 1024;

async function* records(file) {
  const reader = file.stream().pipeThrough(new TextDecoderStream()).getReader();
  let line = 1;
  let begins = 1;
  let cells = [];
  let cell = "";
  let kept = 0;
  let quoted = false;
  let wasQuote = false;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      for (const letter of value) {
        if (letter === "\n") line += 1;
        if (quoted) {
          if (wasQuote) {
            wasQuote = false;
            if (letter === '"') {
              cell += '"';
              continue;
            }
            quoted = false;
          } else if (letter === '"') {
            wasQuote = true;
            continue;
          } else {
            if (kept < MAX_RECORD) cell += letter;
            kept += 1;
            continue;
          }
        }
        if (letter === '"' && cell === "") quoted = true;
        else if (letter === ",") {
          cells.push(cell);
          cell = "";
        } else if (letter === "\n") {
          yield { line: begins, cells: [...cells, cell.replace(/\r$/, "")] };
          cells = [];
          cell = "";
          kept = 0;
          begins = line;
        } else if (kept < MAX_RECORD) {
          cell += letter;
          kept += 1;
        }
      }
    }
    if (cell || cells.length) yield { line: begins, cells: [...cells, cell] };
  } finally {
    reader.cancel().catch(() => {});
  }
}
