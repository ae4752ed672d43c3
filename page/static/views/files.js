// The files that are not in the session (yet), as cards: on their way, faulty, stopped, or in the way of each other.

import { button, fill, fileName, h, say } from "../dom.js";
import { bytes, count, time } from "../format.js";
import { chooseOne } from "./choosing.js";
import { explain, reference } from "./problem.js";
import { refusal } from "./refusal.js";

/** A file that was refused in an earlier visit, or by somebody else, and was not replaced. */
export function rememberedCard(entry, act) {
  return h(
    "li",
    { class: "file refused", "data-file-state": "refused", "data-name": entry.name },
    title("bad", "Needs fixing", entry.name),
    h("p", {}, `It had ${count(entry.findingCount, "fault")} when it was uploaded, ${time(entry.refusedDateTime)}. Choose the same file again to see what is wrong.`),
    h(
      "div",
      { class: "actions" },
      chooseOne("Upload the fixed file", `for ${entry.name}`, (file) => act.fix(entry, file)),
      button("Withdraw", () => act.withdraw(entry), { kind: "link", about: entry.name }),
    ),
  );
}

const title = (kind, words, name) => h("h3", {}, h("span", { class: `tag ${kind}` }, words), " ", fileName(name));

/** A card that is kept up to date in place, so that the focus stays. */
export class UploadCard {
  constructor(upload, state, act) {
    this.upload = upload;
    this.state = state;
    this.act = act;
    this.shown = null;
    this.bar = h("progress", { max: upload.file.size || 1, "aria-label": `Progress of ${upload.name}` });
    this.line = h("p", { class: "file-facts" });
    this.element = h("li", { class: "file", "data-name": upload.name });
    this.update();
  }

  update() {
    const { upload, element } = this;
    // What is shown of a file under way is one thing, whichever of the three states it is in.
    const shown = upload.underWay ? "under way" : upload.state;
    if (shown !== this.shown) fill(element, this.#content(shown));
    this.shown = shown;
    element.dataset.fileState = upload.state;
    element.className = `file ${upload.state}`;
    if (!upload.underWay) return;
    if (upload.state === "checking") this.bar.removeAttribute("value");
    else this.bar.value = upload.sent;
    say(this.line, this.#progress());
  }

  #progress() {
    const { upload } = this;
    if (upload.waitsFor) return `${explain(upload.waitsFor).title}. Trying again…`;
    if (upload.state === "waiting") return `Waiting · ${bytes(upload.file.size)}`;
    if (upload.state === "checking") return "All sent. The service is checking the rest…";
    return `${bytes(upload.sent)} of ${bytes(upload.file.size)}`;
  }

  #content(shown) {
    const own = this.upload.ownName && h("p", { class: "file-facts" }, "Your file ", fileName(this.upload.ownName), " in its place");
    switch (shown) {
      case "under way":
        return this.#underWay(own);
      case "refused":
        return this.#refused(own);
      case "taken":
        return this.#taken(own);
      case "failed":
        return this.#failed(own);
      case "cancelled":
        return this.#cancelled(own);
      default:
        return null;
    }
  }

  #underWay(own) {
    const { name } = this.upload;
    const cancel = button("Cancel", () => this.act.cancel(this.upload), { kind: "link", about: name });
    return [title("open", "Uploading", name), own, this.bar, this.line, h("div", { class: "actions" }, cancel)];
  }

  #refused(own) {
    return [title("bad", "Needs fixing", this.upload.name), own, refusal(this.upload, this.act)];
  }

  #taken(own) {
    const { name, error } = this.upload;
    const standing = this.state.files.find(({ id }) => id === error.inner.fileId);
    const facts = standing && ` (${count(standing["@uploads.rowCount"] ?? 0, "row")}, ${time(standing.uploadedDateTime)})`;
    return [
      title("warn", "Already here", name),
      own,
      h("p", {}, fileName(name), " is already here with other content", facts, ". Replace it with this one?"),
      h(
        "div",
        { class: "actions" },
        button("Replace it", () => this.act.replace(this.upload), { about: name }),
        button("Keep the old one", () => this.act.forget(this.upload), { kind: "button secondary", about: name }),
      ),
    ];
  }

  #failed(own) {
    const { upload } = this;
    const { title: words, text, again } = explainUpload(upload.error);
    return [
      title("bad", "Not uploaded", upload.name),
      own,
      [`${words}.`, ...text].map((line) => h("p", {}, line)),
      h(
        "div",
        { class: "actions" },
        again && button("Try again", () => this.act.retry(upload), { about: upload.name }),
        button("Dismiss", () => this.act.forget(upload), { kind: "link", about: upload.name }),
      ),
      again && reference(upload.error),
    ];
  }

  #cancelled(own) {
    const { upload } = this;
    return [
      title("over", "Cancelled", upload.name),
      own,
      h(
        "div",
        { class: "actions" },
        button("Upload after all", () => this.act.retry(upload), { kind: "button secondary", about: upload.name }),
        button("Dismiss", () => this.act.forget(upload), { kind: "link", about: upload.name }),
      ),
    ];
  }
}

const TOO_MANY_FAULTY = {
  title: "Too many files need fixing",
  text: ["There are as many as this upload can have. Fix or withdraw some of them first."],
};

const BAD_NAME = {
  title: "The name of this file cannot be used",
  text: ["Give it a plain name of up to 255 characters, and choose it again."],
};

/** What to say of an upload that failed, where its error has other words than elsewhere. */
function explainUpload(error) {
  if (error.reason === "maxItemCountExceeded" && error.inner.findingCount) return TOO_MANY_FAULTY;
  if (error.status === 400 && error.target === "filename") return BAD_NAME;
  return explain(error);
}
