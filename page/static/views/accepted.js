// The accepted files of a session: one table, with what to look at in plain sight.

import { button, fileName, fill, h, keep, say } from "../dom.js";
import { bytes, count, time } from "../format.js";
import { warningsOf } from "../file-warnings.js";

const MAX_SHOWN = 3;

const column = (name, kind = null) => h("th", { scope: "col", class: kind }, name);

/** The table; `update(state)` brings it up to date, and keeps the rows that stay. `remove(file)` is offered if it is given. */
export function acceptedFiles({ remove = null }) {
  const title = h("h2", { id: "accepted-title" });
  const body = h("tbody");
  const table = h(
    "table",
    { class: "accepted-files" },
    h("caption", { class: "hidden" }, "Accepted files"),
    h("thead", {}, h("tr", {}, column("File"), column("Rows", "number"), column("Size", "number"), column("Uploaded"), remove && column(h("span", { class: "hidden" }, "Change")))),
    body,
  );
  const empty = h("p", { class: "empty" }, "None yet.");
  return {
    title,
    element: h("section", { "aria-labelledby": "accepted-title" }, title, empty, table),
    update(state) {
      const { files } = state;
      say(title, files.length ? `Accepted files (${files.length})` : "Accepted files");
      empty.hidden = files.length > 0;
      table.hidden = files.length === 0;
      keep(body, files, { id: (file) => file.id, make: (file) => row(file, remove), update: (element, file) => showRemarks(element, file, state) });
    },
  };
}

function row(file, remove) {
  const rows = file["@uploads.rowCount"];
  return h(
    "tr",
    { "data-file-state": "accepted", "data-name": file.name },
    h("th", { scope: "row" }, h("span", { class: "check", "aria-hidden": "true" }, "✓ "), fileName(file.name), h("div", { class: "remarks" })),
    h("td", { class: "number" }, rows === undefined ? "–" : count(rows, "row")),
    h("td", { class: "number" }, bytes(file.size)),
    h("td", {}, time(file.uploadedDateTime)),
    remove && h("td", { class: "change" }, button("Remove", () => remove(file), { kind: "link", about: file.name })),
  );
}

/** What is to be said below the name: what the file is called on this computer, and warnings. */
function showRemarks(element, file, state) {
  const own = state.ownNames.get(file.id);
  const warnings = warningsOf(file, state);
  const told = JSON.stringify([own, warnings]);
  const place = element.querySelector(".remarks");
  if (place.dataset.told === told) return;
  place.dataset.told = told;
  const line = (words) => h("p", { class: "warning" }, words);
  fill(
    place,
    own && h("p", { class: "file-facts" }, "Your file ", fileName(own)),
    warnings.slice(0, MAX_SHOWN).map(line),
    warnings.length > MAX_SHOWN && h("details", {}, h("summary", {}, count(warnings.length - MAX_SHOWN, "more warning")), warnings.slice(MAX_SHOWN, 100).map(line)),
  );
}
