// A refused file: the one thing first. A fault of the whole file is a sentence and a button; faults of rows are grouped by
// their cause, each value once.

import { cellsAt, excelText } from "../csv.js";
import { button, fill, h, saveAs } from "../dom.js";
import { count, number } from "../format.js";
import { limitInWords } from "../host.js";
import { withoutSettings } from "../words.js";
import { chooseOne } from "./choosing.js";

const MAX_CAUSES = 20;
const MAX_ROWS = 20;
const MAX_LINES = 12;
const MAX_CELL = 80;
const PLACE = /^line (\d+)(?:, (.+))?$/;

// Faults that make a file unusable as a whole, so that no row has been looked at.
const OF_THE_FILE = new Set(
  (
    "excelWorkbook openDocument zipArchive gzipFile pdfDocument htmlPage utf16 otherFormat jsonText xmlText mail versionControl " +
    "databaseReport ebcdic byteOrderMark emptyFile semicolonSeparator tabSeparator otherSeparator notPlain linesAboveHeader missingHeader noRows"
  ).split(" "),
);

const WORKBOOK = "This is an Excel workbook. In Excel, choose File, Save as, and the type CSV UTF-8 (Comma delimited). Then upload that file.";

/** What the service said of a refused file, as elements. The values come from the file, which the browser still has. */
export function refusal(upload, act) {
  const { error } = upload;
  const findings = error.details.map((detail) => ({ ...detail, ...placeOf(detail.target), sentence: sentenceOf(detail) }));
  const whole = findings.length === 1 && OF_THE_FILE.has(findings[0].code) ? findings[0] : null;
  const standing = error.inner.fileId && h("p", { class: "note" }, "The file of this name that was accepted before is still here, and counts.");
  const content = whole || !findings.length ? ofTheFile(whole, act.limits) : ofRows(upload, findings);
  const isCsv = !whole || error.inner.columns?.length;
  const fix = chooseOne(isCsv ? "Upload the fixed file" : "Upload the CSV file", `for ${upload.name}`, (file) => act.fixUpload(upload, file));
  const withdraw = standing
    ? button("Dismiss", () => act.forget(upload), { kind: "link", about: upload.name })
    : button("Withdraw", () => act.withdrawUpload(upload), { kind: "link", about: upload.name });
  const help = act.help(upload);
  return [content.first, standing, h("div", { class: "actions" }, fix, content.list, withdraw), help, content.table];
}

/** Where a finding is: its physical line and its column, as far as the service names them. */
function placeOf(target) {
  const found = PLACE.exec(target ?? "");
  return { line: found ? Number(found[1]) : null, column: found?.[2] ?? null };
}

/** What is wrong, without the value, which is shown beside it, and so in the same words for each row with this fault. */
function sentenceOf({ code, message, target }) {
  const said = code === "excelWorkbook" && !message.includes("password") ? WORKBOOK : message;
  const text = withoutSettings(said).replace(/ The row: '.*'$/s, "");
  const rest = /^'.*?' (?=[a-z])/s.exec(text);
  const column = placeOf(target).column;
  return rest && column ? `${column} ${text.slice(rest[0].length)}` : text;
}

function ofTheFile(finding, limits) {
  const limit = limitInWords(limits.maxFileBytes);
  const words = finding?.sentence ?? `The file is too large. A file may have up to ${limit}. Split it into several files, each with the header row.`;
  const [, first, more] = /^(.+?[.?])(?: (.*))?$/s.exec(words) ?? [null, words, ""];
  return { first: [h("h4", {}, first), more && h("p", {}, more)] };
}

function ofRows(upload, findings) {
  const total = upload.error.inner.findingCount ?? findings.length;
  const listed = total > findings.length ? ` The first ${number(findings.length)} are listed.` : "";
  const them = total === 1 ? "it" : "them";
  const table = h("table", { class: "findings" });
  showCauses(table, findings, null);
  readValues(upload.file, findings, table);
  return {
    first: [
      h("h4", {}, "There is a problem with this file"),
      h("p", {}, `${count(total, "fault")}, and nothing of it was stored. Fix ${them} where the data comes from, and upload the file again.${listed}`),
    ],
    list: button("Save the list of faults", () => saveFaults(upload, findings), { kind: "button secondary", about: `of ${upload.name}` }),
    table: h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": `Faults of ${upload.name}` }, table),
  };
}

/** Findings with the same words and column, in the order of their first lines. */
function causesOf(findings) {
  const causes = new Map();
  for (const finding of findings) {
    const id = `${finding.code}\n${finding.column}\n${finding.sentence}`;
    if (!causes.has(id)) causes.set(id, []);
    causes.get(id).push(finding);
  }
  return [...causes.values()];
}

function showCauses(table, findings, cells) {
  const causes = causesOf(findings);
  const more = causes.length - MAX_CAUSES;
  fill(
    table,
    h("caption", { class: "hidden" }, "Faults, by their cause"),
    h("thead", {}, h("tr", {}, ["Line", "Column", "In the file"].map((name) => h("th", { scope: "col" }, name)))),
    causes.slice(0, MAX_CAUSES).map((cause) => causeRows(cause, cells)),
    more > 0 && h("tbody", {}, h("tr", {}, h("td", { colspan: "3" }, `And ${count(more, "more cause")}, which the list of faults has.`))),
  );
}

function causeRows(cause, cells) {
  const rows = new Map();
  for (const finding of cause) {
    const value = cells ? valueOf(finding, cells) : "…";
    if (!rows.has(value)) rows.set(value, []);
    rows.get(value).push(finding.line);
  }
  const more = rows.size - MAX_ROWS;
  return h(
    "tbody",
    {},
    h("tr", { class: "cause" }, h("th", { scope: "rowgroup", colspan: "3" }, cause.length > 1 && `${number(cause.length)} × `, cause[0].sentence)),
    [...rows].slice(0, MAX_ROWS).map(([value, lines]) =>
      h(
        "tr",
        {},
        h("td", { "data-label": lines.length > 1 ? "Lines" : "Line" }, linesInWords(lines)),
        h("td", { "data-label": "Column" }, cause[0].column ?? "–"),
        h("td", { class: "cell", dir: "auto", "data-label": "In the file" }, shownValue(value)),
      ),
    ),
    more > 0 && h("tr", {}, h("td", { colspan: "3" }, `And ${count(more, "more value")}, which the list of faults has.`)),
  );
}

function linesInWords(lines) {
  if (lines[0] === null) return "File";
  const shown = lines.slice(0, MAX_LINES).map(number).join(", ");
  return lines.length > MAX_LINES ? `${shown} and ${number(lines.length - MAX_LINES)} more` : shown;
}

async function readValues(file, findings, table) {
  try {
    showCauses(table, findings, await cellsAt(file, new Set(findings.map(({ line }) => line).filter(Boolean))));
  } catch {
    // The file was moved or changed meanwhile: the findings say enough without its cells.
    showCauses(table, findings, { header: [], found: new Map() });
  }
}

/** The value that a finding is about; null if it cannot be found. */
function valueOf({ line, column }, { header, found }) {
  const row = found.get(line);
  if (!row) return null;
  const index = column === null ? -1 : header.findIndex((name) => name.toLowerCase() === column.toLowerCase());
  return index < 0 ? row.join(", ") : (row[index] ?? "");
}

function shownValue(value) {
  if (value === null) return "–";
  if (value.trim() === "") return h("span", { class: "hint" }, value === "" ? "empty" : "only spaces");
  return value.length > MAX_CELL ? `${value.slice(0, MAX_CELL)}…` : value;
}

/** For whoever makes the file: every fault that the service has listed, with its value. */
async function saveFaults({ name, file }, findings) {
  const cells = await cellsAt(file, new Set(findings.map(({ line }) => line).filter(Boolean))).catch(() => ({ header: [], found: new Map() }));
  const rows = findings.map((finding) => [name, finding.line, finding.column, valueOf(finding, cells), withoutSettings(finding.message)]);
  saveAs(`${name} - faults.csv`, excelText([["file", "line", "column", "in the file", "what is wrong"], ...rows]));
}
