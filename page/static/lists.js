// Lists of accounts, each with the person whose it is: read as a spreadsheet writes them, and written as the service takes
// them.

const MARKS = [
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
];

/** The text of a file, which Excel may have saved as Unicode Text. Throws TypeError if it is in another encoding. */
export async function textOf(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const [, encoding] = MARKS.find(([mark]) => mark.every((byte, place) => bytes[place] === byte)) ?? [null, "utf-8"];
  return new TextDecoder(encoding, { fatal: true }).decode(bytes);
}

/**
 * The accounts of a list and whose they are: a Map. Accounts without a person are left out, and counted. Null if it is no
 * such list, or a quote in it is out of place, so that nothing is left out unseen.
 */
export function accountsIn(text) {
  const all = records(text);
  if (!all) return null;
  const [header = [], ...rows] = all;
  const columns = header.map((name) => name.trim().toLowerCase());
  const [account, person] = [columns.indexOf("account"), columns.indexOf("principalid")];
  if (account < 0 || person < 0) return null;
  const found = new Map();
  let empty = 0;
  for (const row of rows) {
    const [name, who] = [(row[account] ?? "").trim(), (row[person] ?? "").trim()];
    if (name && who) found.set(name, who);
    else if (name) empty += 1;
  }
  return { found, empty };
}

/** A list as the service takes it. Nothing is put before a cell: a lone hyphen means that an account is no person's. */
export const listOf = (accounts) => [["account", "principalId"], ...accounts].map((cells) => `${cells.map(quoted).join(",")}\r\n`).join("");

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** The records of a text, separated as its first line is. */
function records(text) {
  const [first] = text.split(/\r?\n/, 1);
  const separator = [",", ";", "\t"].find((each) => first.includes(each)) ?? ",";
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${separator}\\r\\n][^${separator}\\r\\n]*)?)(${separator}|\\r?\\n|$)`, "y");
  const all = [];
  let row = [];
  while (cell.lastIndex < text.length) {
    const found = cell.exec(text);
    if (!found) return null;
    row.push(found[1] === undefined ? (found[2] ?? "") : found[1].replaceAll('""', '"'));
    if (found[3] === separator) continue;
    if (row.some(Boolean)) all.push(row);
    row = [];
    if (!found[3]) break;
  }
  if (row.some(Boolean)) all.push(row);
  return all;
}
