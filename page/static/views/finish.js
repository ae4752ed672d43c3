// The end of a session: what will be sealed, compared with last time, one question, and what the service says against it.

import { completeSession } from "../api.js";
import { confirmation, facts, fill, h } from "../dom.js";
import { bytes, count, number } from "../format.js";

/** The rows of all files of a session; null where the service does not tell them. */
export function rowsOf(session) {
  const rows = (session?.files ?? []).map((file) => file["@uploads.rowCount"]);
  return rows.some((each) => each === undefined) ? null : rows.reduce((sum, each) => sum + each, 0);
}

export function finishSection(section, { key, session, previous, application, refused, underWay, done, failed }) {
  const files = session.files ?? [];
  const stands = obstacle({ files, refused, underWay });
  fill(
    section,
    h("h2", { id: "finish-title" }, "Finish"),
    stands && h("p", {}, stands),
    h(
      "button",
      { class: "button", disabled: Boolean(stands), onclick: () => finish({ key, session, previous, application, done, failed }) },
      "Finish this session",
    ),
  );
}

function obstacle({ files, refused, underWay }) {
  if (underWay) return "Wait until all uploads have ended.";
  if (refused.length) return `${count(refused.length, "refused file")} must be replaced or withdrawn first: ${refused.slice(0, 5).join(", ")}${refused.length > 5 ? ", …" : ""}.`;
  if (!files.length) return "Upload a file first.";
  return null;
}

async function finish({ key, session, previous, application, done, failed }) {
  const rows = rowsOf(session);
  const before = rowsOf(previous);
  const yes = await confirmation({
    title: "Finish this session?",
    body: h(
      "div",
      {},
      facts([
        ["Files", number(session.files.length)],
        rows !== null && ["Rows", compared(rows, before)],
        ["Size", bytes(session.stats.totalBytesUploaded)],
        application.expectedRows && rows !== null && ["Rows expected", number(application.expectedRows)],
      ]),
      h("p", {}, h("strong", {}, "This cannot be undone."), " The files are sealed: nothing can be added, changed or removed afterwards."),
    ),
    yes: "Finish and seal",
  });
  if (!yes) return;
  await complete({ key, etag: session["@odata.etag"], allow: [], done, failed });
}

const compared = (rows, before) => (before === null ? number(rows) : `${number(rows)} (last time ${number(before)})`);

async function complete({ key, etag, allow, done, failed }) {
  try {
    done(await completeSession(key, { etag, allow }));
  } catch (error) {
    if (error.reason === "unexpectedChange") {
      const yes = await confirmation({
        title: "This is very different from last time",
        body: h(
          "div",
          {},
          facts([
            ["Rows in this session", number(error.inner.rowCount)],
            ["Rows last time", number(error.inner.lastRowCount)],
          ]),
          h("p", {}, "The difference is larger than is usual for this application. Check that the export is complete."),
          h("p", {}, "If the number is right, you can finish the session all the same. The audit records that you did."),
        ),
        yes: "The number is right: finish",
        danger: true,
      });
      if (yes) await complete({ key, etag, allow: [...allow, "allow-change"], done, failed });
      return;
    }
    failed(error);
  }
}
