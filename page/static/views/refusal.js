// A refused file: what the service said, and the faulty rows.

import { cellsAt, csvLine } from "../csv.js";
import { fill, h, saveAs } from "../dom.js";
import { count, number } from "../format.js";

const MAX_SHOWN = 100;
const PLACE = /^line (\d+)(?:, (.+))?$/;

/** Where a finding is: its physical line and its column, as far as the service names them. */
export function place(target) {
  const found = PLACE.exec(target ?? "");
  return { line: found ? Number(found[1]) : null, column: found?.[2] ?? null };
}

/** What the service said of a refused file, as elements. The values come from the file, which the browser still has. */
export function refusal(upload, { replace }) {
  const { error, file } = upload;
  const total = error.inner.findingCount ?? error.details.length;
  const findings = error.details.map((detail) => ({ ...detail, ...place(detail.target) }));
  const body = h("tbody");
  const shown = findings.slice(0, MAX_SHOWN);
  showRows(body, shown, null);
  readValues(file, shown, body);
  const standing = error.inner.fileId;
  return [
    h("h4", {}, "There is a problem with this file"),
    h("p", {}, error.message),
    standing && h("p", { class: "note" }, "An accepted file of this name is still in the session and stays until you remove it."),
    h(
      "div",
      { class: "actions" },
      replace,
      findings.length > 0 &&
        h(
          "button",
          { class: "button secondary", onclick: () => saveAs(`${file.name} - faults.csv`, findingsCsv(file.name, findings)) },
          "Save the faults as CSV",
        ),
    ),
    findings.length > 0 &&
      h(
        "div",
        { class: "table-wrap", tabindex: "0", role: "region", "aria-label": `Faulty rows of ${file.name}` },
        h(
          "table",
          { class: "findings" },
          h("caption", {}, caption(total, findings.length, shown.length)),
          h("thead", {}, h("tr", {}, ["Line", "Column", "In the file", "What is wrong, and what to do"].map((name) => h("th", { scope: "col" }, name)))),
          body,
        ),
      ),
  ];
}

function caption(total, listed, shown) {
  if (shown === total) return `${count(total, "fault")}`;
  const more = listed > shown ? `; the CSV has ${number(listed)}` : "";
  return `The first ${number(shown)} of ${number(total)} faults${more}`;
}

function showRows(body, findings, cells) {
  fill(
    body,
    findings.map((finding) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, finding.line === null ? "File" : String(finding.line)),
        h("td", {}, finding.column ?? "–"),
        h("td", { class: "cell", dir: "auto" }, cells ? valueOf(finding, cells) : "…"),
        h("td", {}, finding.message),
      ),
    ),
  );
}

async function readValues(file, findings, body) {
  let cells = { header: [], found: new Map() };
  try {
    cells = await cellsAt(file, new Set(findings.map((finding) => finding.line).filter(Boolean)));
  } catch {
    // The file was moved or changed meanwhile: the findings say enough without its cells.
  }
  showRows(body, findings, cells);
}

const MAX_CELL = 80;

function valueOf({ line, column }, { header, found }) {
  const row = found.get(line);
  if (!row) return "–";
  const index = column === null ? -1 : header.findIndex((name) => name.toLowerCase() === column.toLowerCase());
  const value = index < 0 ? row.join(", ") : (row[index] ?? "");
  if (value.trim() === "") return h("span", { class: "hint" }, value === "" ? "empty" : "only spaces");
  return value.length > MAX_CELL ? `${value.slice(0, MAX_CELL)}…` : value;
}

function findingsCsv(name, findings) {
  const rows = findings.map((finding) => csvLine([name, finding.line ?? "", finding.column ?? "", finding.code, finding.message]));
  return `\ufeff${csvLine(["file", "line", "column", "code", "message"])}${rows.join("")}`;
}

/** Warnings: they refuse nothing, so they are folded away. */
export function warnings(list) {
  if (!list?.length) return null;
  return h(
    "details",
    {},
    h("summary", {}, `${count(list.length, "thing")} worth a look`),
    h("ul", {}, list.slice(0, MAX_SHOWN).map((warning) => h("li", {}, `${warning.target}: ${warning.message}`))),
  );
}
