// A session: its deadline, where files go in, what became of each, and its end.

import { application, redeliver, refusals, removeFile, session as readSession, sessions, withdrawRefusal } from "../api.js";
import { now } from "../clock.js";
import { announce, confirmation, fill, focusOn, h, heading } from "../dom.js";
import { bytes, count, dateTime, remaining } from "../format.js";
import { largestFile, limitInWords } from "../host.js";
import { UploadQueue } from "../uploads.js";
import { deliveries } from "./deliveries.js";
import { acceptedCard, refusalCard, UploadCard } from "./files.js";
import { finishSection } from "./finish.js";
import { explain } from "./problem.js";
import { receipt } from "./receipt.js";
import { templates } from "./templates.js";

const REFRESH_SECONDS = 10;
const URGENT_MINUTES = 30;

export async function showSession(main, key, config, { signal }) {
  const view = new SessionView(main, key, config, signal);
  await view.load();
  return () => view.beforeLeaving();
}

class SessionView {
  constructor(main, key, config, signal) {
    this.main = main;
    this.signal = signal;
    this.key = key;
    this.config = config;
    this.queue = new UploadQueue(key, config.limits, (upload, session) => this.#uploadChanged(upload, session));
    this.cards = new Map();
    this.shownAs = null;
    this.parts = {};
    this.beforeUnload = (event) => this.queue.underWay && event.preventDefault();
    window.addEventListener("beforeunload", this.beforeUnload, { signal });
    this.onVisible = () => document.visibilityState === "visible" && this.#refresh();
    document.addEventListener("visibilitychange", this.onVisible, { signal });
    signal.addEventListener("abort", () => this.#end());
  }

  async load() {
    [this.application, this.session, this.previous] = await Promise.all([
      application(this.key).catch(() => ({})),
      readSession(this.key),
      previousComplete(this.key),
    ]);
    this.refusals = await this.#readRefusals();
    if (this.signal.aborted) return;
    this.#show();
    this.clock = setInterval(() => this.#tick(), 1000);
    this.poll = setInterval(() => document.visibilityState === "visible" && this.#refresh(), REFRESH_SECONDS * 1000);
  }

  beforeLeaving() {
    if (!this.queue.underWay) return null;
    return {
      title: "Files are still being uploaded",
      text: "If you leave this page, those that are not finished are stopped. What was accepted stays.",
      yes: "Leave and stop them",
      no: "Stay",
    };
  }

  #end() {
    clearInterval(this.clock);
    clearInterval(this.poll);
    this.queue.uploads.forEach((upload) => this.queue.cancel(upload));
    this.queue.close();
  }

  get status() {
    const over = this.session.expirationDateTime && new Date(this.session.expirationDateTime) <= now();
    return this.session.status === "active" && over ? "expired" : this.session.status;
  }

  // What is shown

  #show() {
    this.shownAs = this.status;
    const name = this.application.displayName ?? `Application ${this.key.resourceId}`;
    fill(
      this.main,
      h("nav", { "aria-label": "Breadcrumb", class: "breadcrumb" }, h("a", { href: "#/" }, "My applications"), " / ", h("a", { href: `#/${this.key.catalogId}/${this.key.resourceId}` }, name)),
      heading(name),
      this.application.description && h("p", { class: "lead" }, this.application.description),
      { active: () => this.#active(), complete: () => this.#complete(), expired: () => this.#expired() }[this.status]?.() ?? this.#unknown(),
    );
    this.#tick();
  }

  #active() {
    const input = h("input", { type: "file", multiple: true, id: "files", accept: ".csv,text/csv", "aria-describedby": "files-hint" });
    input.addEventListener("change", () => {
      this.#add(input.files);
      input.value = "";
    });
    const zone = h(
      "div",
      { class: "drop-zone" },
      h("label", { for: "files" }, "Choose CSV files, or drop them here"),
      input,
      h("p", { id: "files-hint", class: "hint" }, this.#limits()),
    );
    for (const type of ["dragenter", "dragover"]) zone.addEventListener(type, (event) => this.#over(event, zone, true));
    for (const type of ["dragleave", "drop"]) zone.addEventListener(type, (event) => this.#over(event, zone, false));
    zone.addEventListener("drop", (event) => this.#add(event.dataTransfer.files));
    this.input = input;
    this.parts = {
      deadline: h("p", { class: "deadline" }),
      problem: h("div"),
      uploads: h("ul", { class: "files", "aria-label": "Files being uploaded, and refused files" }),
      accepted: h("ul", { class: "files", "aria-label": "Accepted files" }),
      acceptedTitle: h("h2", { id: "accepted-title" }),
      finish: h("section", { class: "panel", "aria-labelledby": "finish-title" }),
    };
    this.cards.clear();
    this.queue.uploads.forEach((upload) => this.#card(upload));
    this.#fillRefusals();
    this.#fillAccepted();
    return [
      h("div", { class: "status", "data-session-status": "active" }, h("span", { class: "tag good" }, "Open"), this.parts.deadline),
      this.parts.problem,
      h("h2", {}, "Upload files"),
      zone,
      templates(this.config.layouts, this.application.expectedLayout),
      this.parts.uploads,
      this.parts.acceptedTitle,
      this.parts.accepted,
      this.parts.finish,
    ];
  }

  #complete() {
    this.parts = { problem: h("div"), deliveries: h("div") };
    this.#fillDeliveries();
    return [
      ...receipt({ key: this.key, application: this.application, session: this.session, previous: this.previous }),
      this.parts.problem,
      this.parts.deliveries,
    ];
  }

  #expired() {
    const { stats, files } = this.session;
    return [
      h("div", { class: "status", "data-session-status": "expired" }, h("span", { class: "tag bad" }, "Expired")),
      h("h2", {}, "This session has expired"),
      h("p", {}, "Nothing happened in it for too long, so it takes no more files and cannot be finished."),
      h(
        "p",
        {},
        stats.filesUploaded
          ? `Its ${count(stats.filesUploaded, "file")} (${bytes(stats.totalBytesUploaded)}) were not handed on.`
          : "No file had been accepted in it.",
      ),
      h("p", {}, "Ask the governance team for a new session for this review, and upload the files again. Those below were accepted before; the same files will be accepted again."),
      this.application.contact && h("p", {}, "Contact: ", this.application.contact),
      h("ul", { class: "files" }, (files ?? []).map((file) => acceptedCard(file, { remove: null }))),
    ];
  }

  #unknown() {
    return h("p", { "data-session-status": this.session.status }, "This session is in a state that this page does not know.");
  }

  #limits() {
    const { limits } = this.config;
    return `CSV UTF-8, up to ${limitInWords(largestFile(limits))} each, ${count(limits.maxFiles, "file")} at most. Each is checked while it is sent.`;
  }

  #over(event, zone, inside) {
    event.preventDefault();
    zone.classList.toggle("over", inside);
  }

  #fillRefusals() {
    for (const old of this.parts.uploads.querySelectorAll("[data-remembered]")) old.remove();
    const here = new Set(this.queue.uploads.filter((upload) => upload.state === "refused").map((upload) => upload.name));
    for (const entry of this.refusals.filter(({ name }) => !here.has(name))) {
      const card = refusalCard(entry, { withdraw: () => this.#withdraw(entry), replace: this.#replaceButton(entry.name) });
      card.dataset.remembered = entry.id;
      this.parts.uploads.append(card);
    }
  }

  #fillAccepted() {
    const files = this.session.files ?? [];
    // An upload that was cancelled too late, or whose answer was lost, is in the session all the same.
    const stored = new Set(files.map((file) => file.name));
    this.queue.uploads.filter((upload) => ["cancelled", "failed"].includes(upload.state) && stored.has(upload.name)).forEach((upload) => this.queue.forget(upload));
    const warned = new Map(this.queue.uploads.filter((upload) => upload.state === "accepted").map((upload) => [upload.name, upload.warnings]));
    fill(this.parts.acceptedTitle, files.length ? `Accepted files (${files.length})` : "Accepted files");
    fill(
      this.parts.accepted,
      files.length === 0 && h("li", { class: "empty" }, "None yet."),
      files.map((file) => acceptedCard(file, { remove: () => this.#remove(file), found: warned.get(file.name) })),
    );
    this.#fillFinish();
  }

  #fillFinish() {
    const open = new Set([...this.refusals.map((entry) => entry.name), ...this.queue.uploads.filter((each) => each.state === "refused").map((each) => each.name)]);
    finishSection(this.parts.finish, {
      key: this.key,
      session: this.session,
      previous: this.previous,
      application: this.application,
      refused: [...open],
      underWay: this.queue.underWay,
      done: (session) => {
        this.session = { ...this.session, ...session };
        this.#show();
        focusOn(this.main.querySelector("h2"));
        announce("The session is complete. This is your receipt.");
        // Where it is handed on, what becomes of that is known a moment later.
        this.#refresh();
      },
      failed: (error) => this.#failed(error),
    });
  }

  #fillDeliveries() {
    const found = this.session["@uploads.delivery"] ?? [];
    this.told = JSON.stringify(found);
    fill(this.parts.deliveries, deliveries(found, { again: (delivery) => this.#redeliver(delivery) }));
  }

  #replaceButton(name) {
    return h(
      "button",
      {
        class: "button",
        onclick: () => {
          const chooser = h("input", { type: "file", accept: ".csv,text/csv" });
          chooser.addEventListener("change", () => {
            // Under the refused name, whatever the fixed file is called on this computer: that is what it replaces.
            const [file] = chooser.files;
            if (file) this.#add([file.name === name ? file : new File([file], name, { type: file.type })]);
          });
          chooser.click();
        },
      },
      "Upload the fixed file",
      h("span", { class: "hidden" }, ` for ${name}`),
    );
  }

  #card(upload) {
    const card = new UploadCard(upload, this.queue, {
      replace: (name) => this.#replaceButton(name),
      withdraw: (each) =>
        h("div", { class: "actions" }, h("button", { class: "link", onclick: () => this.#withdrawUpload(each) }, "Withdraw it", h("span", { class: "hidden" }, ` (${each.name})`))),
    });
    this.cards.set(upload.id, card);
    this.parts.uploads.prepend(card.element);
    return card;
  }

  // What happens

  #add(files) {
    if (!files.length) return;
    const uploading = this.queue.add(files).filter((upload) => upload.underWay).length;
    if (uploading) announce(`Uploading ${count(uploading, "file")}.`);
  }

  #uploadChanged(upload, session) {
    if (this.shownAs !== "active") return;
    if (upload.state === "forgotten" || upload.state === "accepted") {
      this.cards.get(upload.id)?.element.remove();
      this.cards.delete(upload.id);
    } else {
      (this.cards.get(upload.id) ?? this.#card(upload)).update();
    }
    if (upload.state === "accepted") {
      announce(`${upload.name} was accepted.`);
      this.refusals = this.refusals.filter((entry) => entry.name !== upload.name);
      this.#replaceSession(session);
      this.#fillRefusals();
    } else if (upload.state === "refused") {
      announce(`${upload.name} was refused: ${count(upload.error.inner.findingCount ?? 1, "fault")}.`);
      this.refusals = this.refusals.filter((entry) => entry.name !== upload.name);
      this.#fillRefusals();
      // The first refused file of a batch gets the focus, unless the person is busy elsewhere.
      if (document.activeElement?.matches("body, h1, input[type=file]") ?? true) {
        focusOn(this.cards.get(upload.id).element.querySelector("h4"));
      }
      this.#refresh();
    } else if (upload.state === "failed") {
      announce(`${upload.name} was not uploaded.`);
      this.#refresh();
    }
    if (!upload.underWay || upload.state === "waiting") this.#fillFinish();
  }

  /** Shows the state that an upload answered. It may be older than the one shown, so the session is read and shown again. */
  #replaceSession(session) {
    if (!session) return;
    this.session = { ...this.session, ...session };
    if (this.status !== this.shownAs) this.#show();
    else if (this.shownAs === "active") this.#fillAccepted();
    this.seen = null;
    this.#refresh();
  }

  /** Reads the session again: another person, or the timer, may have changed it. */
  async #refresh() {
    if (this.refreshing) {
      this.refreshAgain = true;
      return;
    }
    this.refreshing = true;
    try {
      do {
        this.refreshAgain = false;
        const [session, remembered] = await Promise.all([readSession(this.key, { quiet: true }), this.#readRefusals({ quiet: true })]);
        const changed = session["@odata.etag"] !== this.seen;
        this.seen = session["@odata.etag"];
        this.session = session;
        this.refusals = remembered;
        if (this.status !== this.shownAs) {
          this.#show();
          focusOn(this.main.querySelector("h2"));
        } else if (changed && this.shownAs === "active") {
          this.#fillRefusals();
          this.#fillAccepted();
        } else if (this.shownAs === "complete" && JSON.stringify(session["@uploads.delivery"] ?? []) !== this.told) {
          this.#fillDeliveries();
        }
      } while (this.refreshAgain);
    } catch (error) {
      if (error.status === 404) this.#failed(error);
    } finally {
      this.refreshing = false;
    }
  }

  async #readRefusals(options) {
    if (this.status !== "active") return [];
    try {
      return await refusals(this.key, options);
    } catch (error) {
      if (error.status === 404 || error.status === 409) return [];
      throw error;
    }
  }

  async #remove(file) {
    const yes = await confirmation({
      title: `Remove ${file.name}?`,
      body: h("p", {}, "Its rows will not be part of the review. You can upload it again as long as the session is open."),
      yes: "Remove the file",
      danger: true,
    });
    if (!yes) return;
    await this.#change(() => removeFile(this.key, file.id), `${file.name} was removed.`);
  }

  async #redeliver({ target }) {
    try {
      await redeliver(this.key, target);
    } catch (error) {
      this.#failed(error);
      return;
    }
    fill(this.parts.problem);
    announce("It is tried again.");
    await this.#refresh();
    focusOn(document.getElementById("deliveries-title"));
  }

  #withdraw(entry) {
    return this.#change(() => withdrawRefusal(this.key, entry.id), `${entry.name} was withdrawn.`);
  }

  async #withdrawUpload(upload) {
    const entry = (await this.#readRefusals()).find(({ name }) => name === upload.name);
    if (entry) await this.#withdraw(entry);
    this.queue.forget(upload);
    this.#fillFinish();
  }

  async #change(action, done) {
    try {
      await action();
      announce(done);
    } catch (error) {
      if (error.status !== 404) {
        this.#failed(error);
        return;
      }
    }
    this.seen = null;
    await this.#refresh();
    focusOn(this.parts.acceptedTitle);
  }

  /** Says what stands in the way, above the files, and keeps everything else on the page. */
  #failed(error) {
    const { title, text } = explain(error);
    const lines = error.status === 409 || error.status === 412 ? [error.message] : text;
    const box = h("div", { class: "error-summary", role: "alert", tabindex: "-1" }, h("h2", {}, error.status === 409 ? "This did not work" : title), lines.map((line) => h("p", {}, line)));
    fill(this.parts.problem ?? this.main, box);
    focusOn(box);
  }

  #tick() {
    if (this.status !== this.shownAs) {
      this.#refresh();
      return;
    }
    if (this.shownAs !== "active") return;
    const left = new Date(this.session.expirationDateTime) - now();
    const urgent = left < URGENT_MINUTES * 60_000;
    this.parts.deadline.className = urgent ? "deadline urgent" : "deadline";
    fill(this.parts.deadline, h("span", { class: "countdown" }, `${remaining(left)} left`), ` until ${dateTime(this.session.expirationDateTime)}. Each upload extends it.`);
    if (urgent && !this.warned) {
      this.warned = true;
      announce(`This session expires in ${remaining(left)}.`);
    }
  }
}

/** The last complete session of the application, with its files, to compare with; null if there is none. */
async function previousComplete(key) {
  try {
    const found = (await sessions(key, 20)).find((each) => each.status === "complete" && each.id !== key.sessionId);
    return found ? await readSession({ ...key, sessionId: found.id }) : null;
  } catch {
    return null;
  }
}

