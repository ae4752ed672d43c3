// The files of a session as cards: those on their way, those refused, those accepted, and refusals of earlier visits.

import { fill, h } from "../dom.js";
import { bytes, count, dateTime } from "../format.js";
import { explain } from "./problem.js";
import { refusal, warnings } from "./refusal.js";

/** A file that is stored. */
export function acceptedCard(file, { remove, found = null }) {
  const rows = file["@uploads.rowCount"];
  const digest = file["@uploads.sha256"];
  return h(
    "li",
    { class: "file accepted", "data-file-state": "accepted", "data-name": file.name },
    h("h3", {}, h("span", { class: "tag good" }, "Accepted"), " ", h("bdi", { class: "file-name" }, file.name)),
    h(
      "p",
      { class: "file-facts" },
      [rows !== undefined && count(rows, "row"), bytes(file.size), `uploaded ${dateTime(file.uploadedDateTime)}`].filter(Boolean).join(" · "),
    ),
    digest && h("p", { class: "digest" }, "SHA-256 ", h("code", {}, digest)),
    warnings(found),
    remove && h("div", { class: "actions" }, h("button", { class: "link", onclick: remove }, "Remove ", h("span", { class: "hidden" }, file.name))),
  );
}

/** A file that was refused in an earlier visit, or by somebody else, and was not replaced. */
export function refusalCard(entry, { withdraw, replace }) {
  return h(
    "li",
    { class: "file refused", "data-file-state": "refused", "data-name": entry.name },
    h("h3", {}, h("span", { class: "tag bad" }, "Refused"), " ", h("bdi", { class: "file-name" }, entry.name)),
    h("p", {}, `It had ${count(entry.findingCount, "fault")} and was not replaced yet. It was uploaded ${dateTime(entry.refusedDateTime)}.`),
    h("p", {}, "Upload the fixed file under the same name. To see its faults again, upload the same file again. If it is not needed, withdraw it."),
    h(
      "table",
      { class: "findings" },
      h("caption", { class: "hidden" }, `Faults of ${entry.name}`),
      h("tbody", {}, h("tr", {}, h("th", { scope: "row" }, "Faults"), h("td", {}, String(entry.findingCount)))),
    ),
    h("div", { class: "actions" }, replace, withdraw && h("button", { class: "link", onclick: withdraw }, "Withdraw ", h("span", { class: "hidden" }, entry.name))),
  );
}

/** A file on its way, or refused, or stopped: a card that is kept up to date in place, so that the focus stays. */
export class UploadCard {
  constructor(upload, queue, { replace, withdraw }) {
    this.upload = upload;
    this.queue = queue;
    this.actions = { replace, withdraw };
    this.state = null;
    this.bar = h("progress", { max: upload.file.size || 1, "aria-label": `Progress of ${upload.name}` });
    this.line = h("p", { class: "file-facts" });
    this.element = h("li", { class: "file", "data-name": upload.name });
    this.update();
  }

  update() {
    const { upload } = this;
    if (upload.state !== this.state) this.#rebuild();
    this.state = upload.state;
    if (!upload.underWay) return;
    if (upload.state === "checking") this.bar.removeAttribute("value");
    else this.bar.value = upload.sent;
    fill(this.line, this.#progress());
  }

  #progress() {
    const { upload } = this;
    if (upload.waitsFor) return `${explain(upload.waitsFor).title}. Trying again…`;
    if (upload.state === "waiting") return `Waiting · ${bytes(upload.file.size)}`;
    if (upload.state === "checking") return "All sent. The service is checking the rest…";
    return `${bytes(upload.sent)} of ${bytes(upload.file.size)}`;
  }

  #rebuild() {
    const { upload, queue, element } = this;
    const title = (tag, words) => h("h3", {}, h("span", { class: `tag ${tag}` }, words), " ", h("bdi", { class: "file-name" }, upload.name));
    element.dataset.fileState = upload.state;
    element.className = `file ${upload.state}`;
    const forget = h("button", { class: "link", onclick: () => queue.forget(upload) }, "Take off the list", h("span", { class: "hidden" }, ` ${upload.name}`));
    if (upload.underWay) {
      if (this.state && ["waiting", "sending", "checking"].includes(this.state)) return;
      const cancel = h("button", { class: "link", onclick: () => queue.cancel(upload) }, "Cancel", h("span", { class: "hidden" }, ` ${upload.name}`));
      fill(element, title("busy", "Uploading"), this.bar, this.line, h("div", { class: "actions" }, cancel));
    } else if (upload.state === "refused") {
      const replace = this.actions.replace(upload.name);
      fill(element, title("bad", "Refused"), refusal(upload, { replace }), this.actions.withdraw(upload));
    } else if (upload.state === "failed") {
      const { title: words, text, again } = explain(upload.error);
      const retry = again !== false && h("button", { class: "button", onclick: () => queue.retry(upload) }, "Try again", h("span", { class: "hidden" }, ` ${upload.name}`));
      const said = upload.error.status && ![503, 429].includes(upload.error.status) ? [upload.error.message] : [words + ".", ...text];
      fill(element, title("bad", "Not uploaded"), said.map((each) => h("p", {}, each)), h("div", { class: "actions" }, retry, forget));
    } else if (upload.state === "cancelled") {
      const retry = h("button", { class: "button secondary", onclick: () => queue.retry(upload) }, "Upload after all", h("span", { class: "hidden" }, ` ${upload.name}`));
      fill(element, title("", "Cancelled"), h("div", { class: "actions" }, retry, forget));
    }
  }
}
