// What is known of one session, kept up to date, and what is being uploaded into it. Views subscribe, and draw what they
// find here; session-actions.js has what people do with it. Nothing in this module touches the document but to know whether it is seen.

import * as api from "./api.js";
import { every, until } from "./clock.js";
import { NetworkError } from "./errors.js";
import { UploadQueue } from "./uploads.js";

const REFRESH_MILLISECONDS = 10_000;
const SECOND = 1000;

export class SessionState {
  constructor(key, config, signal) {
    this.key = key;
    this.config = config;
    this.signal = signal;
    this.listeners = new Set();
    this.queue = new UploadQueue(key, config.limits, (upload, session) => this.#uploadChanged(upload, session));
    this.refusals = [];
    /** By a file's id: the warnings of its upload in this visit, and what it is called on this computer if that differs. */
    this.warnings = new Map();
    this.ownNames = new Map();
    /** What an action of the person met, and what reading the session meets: errors, or null. */
    this.problem = null;
    this.trouble = null;
    /** The last complete session, to compare with: null if there is none, undefined as long as it could not be read. */
    this.previous = undefined;
    this.deleted = false;
    signal.addEventListener("abort", () => this.queue.close());
  }

  /** Reads everything; `compared` is a promise that `previous` has been read. Throws what the API throws. */
  async load() {
    // Nothing that is shown at first waits for it.
    this.compared = api.lastComplete(this.key).then((found) => {
      this.previous = found;
      if (this.session) this.#tell();
    });
    [this.application, this.session, this.refusals] = await Promise.all([
      api.application(this.key).catch((error) => (error.status === 404 ? {} : Promise.reject(error))),
      api.session(this.key),
      api.refusals(this.key),
    ]);
    this.lastStatus = this.status;
    const look = () => document.visibilityState === "visible" && this.#canChange && this.refresh();
    every(REFRESH_MILLISECONDS, this.signal, look);
    every(SECOND, this.signal, () => this.status !== this.lastStatus && this.refresh());
    document.addEventListener("visibilitychange", look, { signal: this.signal });
  }

  /** `listener(upload)` is called after each change: with an upload if only its progress has changed, else without. */
  subscribe(listener) {
    this.listeners.add(listener);
    this.signal.addEventListener("abort", () => this.listeners.delete(listener));
  }

  /** active, complete, expired or deleted (or out of sight, which is the same from here); by the server's clock. */
  get status() {
    if (this.deleted) return "deleted";
    const { status, expirationDateTime } = this.session;
    return status === "active" && until(expirationDateTime) <= 0 ? "expired" : status;
  }

  get name() {
    return this.application.displayName ?? `Application ${this.key.resourceId}`;
  }

  get files() {
    return this.session.files ?? [];
  }

  get deliveries() {
    return this.session["@uploads.delivery"] ?? [];
  }

  /** Whether the person may change the session. An application without a name does not say; then the service decides. */
  get mayWrite() {
    return this.application["@uploads.right"] !== "read";
  }

  /** Refused files of earlier visits and of others: those that no upload of this visit shows, or is to replace. */
  get remembered() {
    const here = new Set(this.queue.uploads.filter((each) => each.underWay || each.state === "refused").map(({ name }) => name));
    return this.refusals.filter(({ name }) => !here.has(name));
  }

  /** Whether something can still happen to it without the person: an ended session with nothing to hand on is as it is. */
  get #canChange() {
    return this.status === "active" || (this.status === "complete" && this.deliveries.some((each) => each.state === "pending"));
  }

  /** Does what the person asks for, and reads the session again. Resolves to whether it was done; `problem` says why not. */
  async act(action) {
    let failure = null;
    try {
      await action();
    } catch (error) {
      failure = error;
    }
    this.problem = null;
    await this.refresh();
    this.problem = failure;
    this.#tell();
    return failure === null;
  }

  // What happens

  #uploadChanged(upload, session) {
    if (upload.state === "accepted" && session) this.#accepted(upload, session);
    // What was to be fixed is taken care of, or is asked for under the other name now.
    if (upload.instead && ["accepted", "refused"].includes(upload.state)) {
      const { id } = upload.instead;
      upload.instead = null;
      this.act(() => ignoringGone(api.withdrawRefusal(this.key, id)));
    }
    if (upload.state === upload.told && upload.underWay) {
      this.#tell(upload);
      return;
    }
    upload.told = upload.state;
    this.#tell();
    if (["accepted", "refused", "failed"].includes(upload.state)) this.refresh();
  }

  #accepted(upload, session) {
    const file = session.files.find(({ name }) => name === upload.name);
    if (file) {
      this.warnings.set(file.id, session["@uploads.warnings"] ?? []);
      this.ownNames.set(file.id, upload.ownName);
    }
    this.refusals = this.refusals.filter(({ name }) => name !== upload.name);
    this.take(session);
  }

  /** Takes what an answer says. It may be older than what is known, so that the session is read again afterwards. */
  take(session) {
    this.session = { ...this.session, ...session };
  }

  /** Reads the session again: another person, or the timer, may have changed it. */
  async refresh() {
    if (this.signal.aborted || this.deleted) return;
    this.refreshWanted = true;
    this.refreshing ??= this.#refreshWhileWanted().finally(() => {
      this.refreshing = null;
    });
    await this.refreshing;
  }

  async #refreshWhileWanted() {
    while (this.refreshWanted && !this.signal.aborted) {
      this.refreshWanted = false;
      try {
        const [session, refusals] = await Promise.all([api.session(this.key, { quiet: true }), this.#readRefusals({ quiet: true })]);
        this.session = session;
        this.refusals = refusals;
        this.#match();
        this.trouble = null;
        if (passes(this.problem)) this.problem = null;
      } catch (error) {
        if (error.status === 404) this.#end();
        else this.trouble = error;
      }
    }
    this.lastStatus = this.status;
    this.#tell();
  }

  /** Finds the refusals of uploads, and the uploads that have arrived after all: cancelled too late, or their answer lost. */
  #match() {
    for (const upload of this.queue.uploads) {
      if (upload.state === "refused") upload.refusalId = this.refusals.find(({ name }) => name === upload.name)?.id ?? null;
      const stored = this.files.find(({ name }) => name === upload.name);
      const arrived = stored && stored.id !== upload.before && stored.size === upload.file.size;
      if (arrived && ["cancelled", "failed"].includes(upload.state)) this.queue.forget(upload);
    }
  }

  #end() {
    this.deleted = true;
    this.queue.close();
  }

  async #readRefusals(options) {
    if (this.status !== "active") return [];
    try {
      return await api.refusals(this.key, options);
    } catch (error) {
      if (error.status === 404 || error.status === 409) return [];
      throw error;
    }
  }

  #tell(upload = null) {
    if (!this.signal.aborted) this.listeners.forEach((listener) => listener(upload));
  }
}

/** A request to remove something: what is gone already needs no removing. */
export const ignoringGone = (request) => request.catch((error) => (error.status === 404 ? null : Promise.reject(error)));

/** Whether an error is over when the service answers again. */
const passes = (error) => error instanceof NetworkError || error?.mayPass || [429, 503].includes(error?.status);
