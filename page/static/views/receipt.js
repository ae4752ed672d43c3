// The receipt of a complete session, as evidence: who handed in what, and when. It prints on one page, and can be saved.

import { signedIn } from "../auth.js";
import { announce, button, facts, fileName, fill, h, saveAs } from "../dom.js";
import { isForgotten, rowsBefore, sealedFiles, sealedRows } from "../finishing.js";
import { bytes, count, number, zoned } from "../format.js";
import { applicationPlace } from "../places.js";
import { deliveries } from "./deliveries.js";

export const receiptHeading = ({ name }) => `Receipt: ${name}`;

export function receipt(state, actions) {
  const { session, key, application } = state;
  const sealed = session["@uploads.receipt"] ?? {};
  const files = sealedFiles(session);
  const handedOn = deliveries({ again: state.mayWrite ? (delivery) => actions.redeliver(delivery) : null });
  const done = h("div", { class: "success", "data-session-status": "complete" });
  const update = () => {
    handedOn.update(state.deliveries);
    const words = headline(state, sealed, files);
    if (done.textContent !== words.join("")) fill(done, h("p", { class: "headline" }, words[0]), h("p", { class: "hint" }, words[1]));
  };
  update();
  return {
    element: h(
      "div",
      {},
      done,
      facts([
        ["Application", state.name],
        handedInBy(sealed),
        application.contact && ["Contact", application.contact],
        sealed.filesRemovedDateTime && ["Files kept until", zoned(sealed.filesRemovedDateTime)],
      ]),
      files.length > 0 && table(files),
      handedOn.element,
      h(
        "div",
        { class: "actions no-print" },
        button("Print the receipt", () => window.print()),
        button("Save the receipt", () => saveAs(`receipt-${session.id}.json`, asJson(state, sealed, files), "application/json"), { kind: "button secondary" }),
        h("a", { class: "button secondary", href: applicationPlace(key) }, "All uploads of this application"),
      ),
      h(
        "section",
        { class: "reference" },
        h("h2", {}, "Reference for support"),
        facts([
          ["Review instance", session.referenceId],
          ["Upload session", session.id],
          ["Catalog", key.catalogId],
          ["Resource", key.resourceId],
          sealed.completedBy?.objectId && ["Object id of who handed it in", sealed.completedBy.objectId],
        ]),
      ),
    ),
    update,
  };
}

/** What was done, and its facts: two lines of text. */
function headline(state, sealed, files) {
  const when = sealed.completedDateTime ? ` on ${zoned(sealed.completedDateTime)}` : "";
  if (isForgotten(state.session)) return [`Done. It was handed in${when}.`, "Which files it had is not known any more: they were removed before receipts were kept."];
  const rows = sealedRows(state.session);
  const total = sealed.fileCount ?? files.length;
  const before = state.previous && state.previous.createdDateTime < state.session.createdDateTime ? rowsBefore(state) : null;
  const size = sealed.totalBytes ?? state.session.stats.totalBytesUploaded;
  const what = rows === null ? count(total, "file") : `${count(total, "file")} with ${count(rows, "row")}`;
  const more = [bytes(size), before !== null && `last time ${count(before, "row")}`, "sealed: nothing was changed since"];
  return [`Done. ${what} ${total === 1 ? "was" : "were"} handed in${when}.`, more.filter(Boolean).join(" · ")];
}

/** Who handed it in, by name if that is known here, which it is of oneself. */
function handedInBy({ completedBy }) {
  const by = completedBy?.objectId ?? completedBy?.appId;
  if (!by) return null;
  const { id, name } = signedIn();
  return ["Handed in by", by === id && name ? name : h("code", {}, by)];
}

function table(files) {
  const head = (name, number) => h("th", { scope: "col", class: number && "number" }, name);
  return h(
    "table",
    { class: "receipt" },
    h("caption", {}, "Files"),
    h("thead", {}, h("tr", {}, head("Name"), head("Rows", true), head("Bytes", true), head("Uploaded"), head("SHA-256"))),
    h(
      "tbody",
      {},
      files.map((file) =>
        h(
          "tr",
          { "data-file-state": "accepted", "data-name": file.name },
          h("th", { scope: "row" }, fileName(file.name)),
          h("td", { class: "number", "data-label": "Rows" }, file["@uploads.rowCount"] === undefined ? "–" : number(file["@uploads.rowCount"])),
          h("td", { class: "number", "data-label": "Bytes" }, number(file.size)),
          h("td", { "data-label": "Uploaded" }, zoned(file.uploadedDateTime)),
          h("td", { class: "digest" }, digest(file)),
        ),
      ),
    ),
  );
}

/** The digest: its end to compare at a glance, the whole to copy and in print. */
function digest(file) {
  const text = file["@uploads.sha256"];
  if (!text) return "–";
  const copy = button("Copy", () => copied(copy, text), { kind: "link no-print", about: `the SHA-256 of ${file.name}` });
  return [h("code", { class: "short", "aria-hidden": "true" }, `…${text.slice(-8)}`), h("code", { class: "whole" }, text), " ", copy];
}

async function copied(copy, text) {
  await navigator.clipboard.writeText(text);
  announce("Copied.");
  copy.firstChild.data = "Copied";
  setTimeout(() => {
    copy.firstChild.data = "Copy";
  }, 2000);
}

function asJson({ key, application, session }, sealed, files) {
  return JSON.stringify(
    {
      application: { displayName: application.displayName ?? null, ...key, sessionId: undefined },
      session: session.id,
      status: session.status,
      reviewInstanceId: session.referenceId,
      createdDateTime: session.createdDateTime,
      completedDateTime: sealed.completedDateTime ?? null,
      completedBy: sealed.completedBy ?? null,
      rows: sealedRows(session),
      files: files.map((file) => ({
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
