// The end of a session: what is still open, one question with numbers, and what the service says against it.

import { confirmation, facts, fileName, fileNames, fill, h } from "../dom.js";
import { bytes, count, number } from "../format.js";
import { doubts, obstacles, rowsBefore, rowsOf } from "../finishing.js";

/** The section; `update()` brings it up to date. `finish({ etag, allow })` seals the session as it was with this ETag, and throws what asks another question. */
export function finishSection(state, { finish }) {
  const stands = h("ul", { class: "open-ends" });
  const press = h("button", { class: "button", onclick: () => ask(state, finish) }, "Finish this upload");
  const section = h("section", { class: "panel", "aria-labelledby": "finish-title" }, h("h2", { id: "finish-title" }, "Finish"), stands, press);
  let told = null;
  return {
    element: section,
    update() {
      const found = obstacles(state);
      press.disabled = found.length > 0;
      if (JSON.stringify(found) === told) return;
      told = JSON.stringify(found);
      stands.hidden = found.length === 0;
      const line = ({ words, names = [], advice }) => h("li", {}, words, names.length > 0 && [" ", fileNames(names), "."], advice && ` ${advice}`);
      fill(stands, found.map(line));
    },
  };
}

const filesAndRows = (files, rows) => (rows === null ? count(files, "file") : `${count(files, "file")} with ${count(rows, "row")}`);

async function ask(state, finish) {
  await state.compared;
  // What is shown is what is sealed: the session may be read again while the question is open.
  const etag = state.session["@odata.etag"];
  const rows = rowsOf(state.files);
  const before = rowsBefore(state);
  const files = state.files.length;
  const open = doubts(state);
  const yes = await confirmation({
    title: `Hand in ${filesAndRows(files, rows)}?`,
    body: h(
      "div",
      {},
      facts([
        ["Files", number(files)],
        rows !== null && ["Rows", before === null ? number(rows) : `${number(rows)} (last time ${number(before)})`],
        ["Size", bytes(state.session.stats.totalBytesUploaded)],
        state.application.expectedRows && rows !== null && ["Rows expected", number(state.application.expectedRows)],
      ]),
      open.length > 0 &&
        h(
          "div",
          { class: "note" },
          h("p", {}, h("strong", {}, "Look at this first")),
          h("ul", {}, open.map(({ about, words, names = [] }) => h("li", {}, about && [fileName(about), ": "], words, names.length > 0 && [" ", fileNames(names)]))),
        ),
      h("p", {}, h("strong", {}, "This cannot be undone."), " Nothing can be added, changed or removed afterwards."),
    ),
    yes: rows === null ? `Seal ${count(files, "file")}` : `Seal ${count(files, "file")}, ${count(rows, "row")}`,
    no: "Not yet",
  });
  if (yes) await seal(finish, { etag });
}

async function seal(finish, { etag, allow = [] }) {
  try {
    await finish({ etag, allow });
  } catch ({ inner }) {
    const yes = await confirmation({
      title: "This is very different from last time",
      body: h(
        "div",
        {},
        facts([
          ["Rows now", number(inner.rowCount)],
          ["Rows last time", number(inner.lastRowCount)],
        ]),
        h("p", {}, "The difference is larger than is usual for this application. Check that the export is complete."),
        h("p", {}, "If the number is right, you can finish all the same. The history records that you did."),
      ),
      yes: "The number is right: finish",
      no: "Not yet",
      danger: true,
    });
    if (yes) await seal(finish, { etag, allow: [...allow, "allow-change"] });
  }
}
