// The receipt of a complete session: what was sealed, when, with the digest of each file. It prints well, and can be saved.

import { facts, h, saveAs } from "../dom.js";
import { bytes, dateTime, number } from "../format.js";
import { rowsOf } from "./finish.js";

export function receipt({ key, application, session, previous }) {
  const rows = rowsOf(session);
  const before = previous && previous.createdDateTime < session.createdDateTime ? rowsOf(previous) : null;
  const files = session.files ?? [];
  return [
    h("div", { class: "status", "data-session-status": "complete" }, h("span", { class: "tag good" }, "Complete")),
    h("h2", {}, "Receipt"),
    h("p", {}, "This session is complete and sealed. Keep this receipt: the digests show that the files were not changed since."),
    facts([
      ["Application", application.displayName ?? key.resourceId],
      ["Review instance", session.referenceId],
      ["Session", session.id],
      ["Created", dateTime(session.createdDateTime)],
      ["Files", number(session.stats.filesUploaded)],
      rows !== null && ["Rows", before === null ? number(rows) : `${number(rows)} (last time ${number(before)})`],
      ["Size", bytes(session.stats.totalBytesUploaded)],
    ]),
    files.length < session.stats.filesUploaded && h("p", { class: "note" }, "The files themselves have been removed after their retention time."),
    h(
      "div",
      { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "Files of the receipt" },
      h(
        "table",
        { class: "receipt" },
        h("caption", {}, "Sealed files"),
        h("thead", {}, h("tr", {}, ["Name", "Rows", "Bytes", "Uploaded", "SHA-256"].map((name) => h("th", { scope: "col" }, name)))),
        h(
          "tbody",
          {},
          files.map((file) =>
            h(
              "tr",
              { "data-file-state": "accepted" },
              h("th", { scope: "row" }, h("bdi", {}, file.name)),
              h("td", { class: "number" }, file["@uploads.rowCount"] === undefined ? "–" : number(file["@uploads.rowCount"])),
              h("td", { class: "number" }, number(file.size)),
              h("td", {}, dateTime(file.uploadedDateTime)),
              h("td", {}, h("code", { class: "digest" }, file["@uploads.sha256"] ?? "–")),
            ),
          ),
        ),
      ),
    ),
    h(
      "div",
      { class: "actions no-print" },
      h("button", { class: "button", onclick: () => window.print() }, "Print the receipt"),
      h("button", { class: "button secondary", onclick: () => saveAs(`receipt-${session.id}.json`, asJson({ key, application, session, rows }), "application/json") }, "Save the receipt"),
      h("a", { class: "button secondary", href: `#/${key.catalogId}/${key.resourceId}` }, "Earlier sessions"),
    ),
  ];
}

function asJson({ key, application, session, rows }) {
  return JSON.stringify(
    {
      application: { displayName: application.displayName ?? null, catalogId: key.catalogId, resourceId: key.resourceId },
      session: session.id,
      status: session.status,
      reviewInstanceId: session.referenceId,
      createdDateTime: session.createdDateTime,
      rows,
      stats: session.stats,
      files: (session.files ?? []).map((file) => ({
        name: file.name,
        size: file.size,
        rows: file["@uploads.rowCount"] ?? null,
        sha256: file["@uploads.sha256"] ?? null,
        uploadedDateTime: file.uploadedDateTime,
      })),
    },
    null,
    2,
  );
}
