// An open session: where files go in, what became of each, and its end.

import { announce, confirmation, fill, fileName, focusOn, h, keep } from "../dom.js";
import { count } from "../format.js";
import { part } from "../parts.js";
import { acceptedFiles } from "./accepted.js";
import { dropZone } from "./choosing.js";
import { rememberedCard, UploadCard } from "./files.js";
import { finishSection } from "./finish.js";
import { explain } from "./problem.js";
import { templates } from "./templates.js";

export const openHeading = ({ name, mayWrite }) => (mayWrite ? `Upload files for ${name}` : `The upload for ${name}`);

export function open(state, actions) {
  const { config, application } = state;
  if (!state.mayWrite) return look(state);
  const view = new OpenView(state, actions);
  return {
    element: (view.element = h(
      "div",
      {},
      h("h2", { class: "hidden" }, "Upload files"),
      dropZone(config.limits, { add: (files) => view.add(files), folders: (names) => view.folders(names), signal: state.signal }),
      view.said,
      templates(config.layouts, application.expectedLayout),
      view.uploads,
      view.accepted.element,
      view.finish.element,
    )),
    update: (upload) => view.update(upload),
  };
}

/** What somebody sees who may read only. */
function look(state) {
  const accepted = acceptedFiles({});
  const words = "You may look at this upload. An owner of the application adds files and finishes it.";
  return { element: h("div", {}, h("p", { class: "note" }, words), accepted.element), update: () => accepted.update(state) };
}

class OpenView {
  constructor(state, actions) {
    this.state = state;
    this.actions = actions;
    this.cards = new Map();
    this.said = h("div");
    this.uploads = h("ul", { class: "files", "aria-label": "Files being uploaded, and files that need something" });
    this.accepted = acceptedFiles({ remove: (file) => this.remove(file) });
    this.finish = finishSection(state, { finish: (asked) => actions.complete(asked) });
    this.act = {
      limits: state.config.limits,
      help: (upload) => this.#help(upload),
      fix: (entry, file) => actions.fix(entry, file),
      fixUpload: (upload, file) => actions.fixUpload(upload, file),
      retry: (upload) => state.queue.retry(upload),
      cancel: (upload) => state.queue.cancel(upload),
      forget: (upload) => state.queue.forget(upload),
      replace: (upload) => actions.replace(upload),
      withdraw: (entry) => saying(actions.withdraw(entry), `${entry.name} was withdrawn.`),
      withdrawUpload: (upload) => saying(actions.withdrawUpload(upload), `${upload.name} was withdrawn.`),
    };
    this.told = new Map();
  }

  update(upload) {
    if (upload) {
      this.cards.get(upload.id)?.update();
      return;
    }
    const { state } = this;
    const hadFocus = this.element.contains(document.activeElement);
    const items = [
      ...state.remembered.map((entry) => ({ id: `${entry.id} ${entry.refusedDateTime}`, entry })),
      ...state.queue.uploads.map((each) => ({ id: each.id, upload: each })),
    ];
    keep(this.uploads, items, {
      id: (item) => item.id,
      make: (item) => (item.entry ? rememberedCard(item.entry, this.act) : this.#card(item.upload)),
      update: (_, item) => item.upload && this.cards.get(item.upload.id).update(),
    });
    const listed = new Set(state.queue.uploads.map(({ id }) => id));
    for (const id of this.cards.keys()) if (!listed.has(id)) this.cards.delete(id);
    this.accepted.update(state);
    this.finish.update();
    this.#announce();
    // Its control is gone, with the file that it was for.
    if (hadFocus && document.activeElement === document.body) focusOn(this.accepted.title);
  }

  #card(upload) {
    const card = new UploadCard(upload, this.state, this.act);
    this.cards.set(upload.id, card);
    return card.element;
  }

  /** What can be done about a refusal on this page: forms for columns and for accounts that are not known. */
  #help(upload) {
    const { key, config, application, queue } = this.state;
    const { file, error } = upload;
    if (!error.inner.columns?.length && !error.inner.refusalId) return null;
    const place = h("div");
    const given = { key, file, error, application, layouts: config.layouts, again: () => queue.retry(upload) };
    part(() => Promise.all([import("./mapping.js"), import("./accounts.js")])).then(
      ([{ columnsForm }, { unmatchedAccounts }]) => fill(place, columnsForm(given), unmatchedAccounts(given)),
      (failure) => fill(place, h("p", { class: "note" }, explain(failure).title, ". ", explain(failure).text)),
    );
    return place;
  }

  /** Says what has become of each upload, once. */
  #announce() {
    for (const { id, name, state, error } of this.state.queue.uploads) {
      if (this.told.get(id) === state) continue;
      this.told.set(id, state);
      if (state === "refused") this.#refused(id, name, error);
      else if (state === "taken") announce(`${name} is already here with other content.`);
      else if (state === "failed") announce(`${name} was not uploaded.`);
    }
    for (const { id, name } of this.state.files) {
      if (this.state.warnings.has(id) && !this.told.has(id)) announce(`${name} was accepted.`);
      this.told.set(id, "accepted");
    }
  }

  /** The first refused file of a batch gets the focus, unless the person is busy elsewhere. */
  #refused(id, name, error) {
    announce(`${name} was refused: ${count(error.inner.findingCount ?? 1, "fault")}.`);
    if (document.activeElement?.matches("body, h1, h2, input[type=file]") ?? true) focusOn(this.cards.get(id).element.querySelector("h4"));
  }

  add(files) {
    fill(this.said);
    const uploading = this.actions.add(files).filter((upload) => upload.underWay).length;
    if (uploading) announce(`Uploading ${count(uploading, "file")}.`);
  }

  folders(names) {
    const words = names.length === 1 ? " is a folder. Drop the files that are in it." : ` and ${count(names.length - 1, "other")} are folders. Drop the files that are in them.`;
    fill(this.said, h("p", { class: "note", role: "alert" }, fileName(names[0]), words));
  }

  async remove(file) {
    const yes = await confirmation({
      title: "Remove this file?",
      body: h("p", {}, fileName(file.name), " will not be part of the review. You can upload it again as long as this upload is open."),
      yes: "Remove the file",
      danger: true,
    });
    if (yes) await saying(this.actions.remove(file), `${file.name} was removed.`);
  }
}

/** Says that something was done, if it was. */
async function saying(action, words) {
  if (await action) announce(words);
}
