// The uploads of one session: a queue, a few at a time, each with its progress and its result.

import { uploadFile } from "./api.js";
import { CancelledError, NetworkError, ServiceError } from "./errors.js";
import { tooLarge } from "./host.js";

const AT_ONCE = 3;
const MAX_PAUSE_SECONDS = 30;
const TRIES = 4;
// A host without a free slot, which may take minutes where many upload slowly.
const TRIES_WHILE_BUSY = 8;

let lastId = 0;

/**
 * One file on its way. `state` is one of
 *
 * - waiting, sending, checking: it is under way;
 * - refused: it has faults;
 * - taken: there is a file of this name with other content, and the person has not said whether to replace it;
 * - failed: the session, the connection or this computer is at fault;
 * - cancelled, accepted.
 *
 * `error` is what the service or the network said of one that has not arrived.
 */
export class Upload {
  /** `name`: under which it is sent, if that is another one than its own; `instead`: the refusal that it takes care of. */
  constructor(file, limits, { name = file.name, instead = null } = {}) {
    lastId += 1;
    this.id = lastId;
    this.file = file;
    this.instead = instead;
    // In the Unicode form in which the service has names: macOS gives another one.
    this.name = name.normalize("NFC");
    this.error = tooLarge(file.size, limits);
    this.state = this.error ? "failed" : "waiting";
    this.sent = 0;
    this.waitsFor = null;
    this.stopper = new AbortController();
  }

  /** What the file is called on this computer, if it is sent under another name; else null. */
  get ownName() {
    const own = this.file.name.normalize("NFC");
    return own === this.name ? null : own;
  }

  get underWay() {
    return ["waiting", "sending", "checking"].includes(this.state);
  }
}

/** The queue of one session. `changed(upload, session)` is called whenever something about an upload changes. */
export class UploadQueue {
  constructor(key, limits, changed) {
    this.key = key;
    this.limits = limits;
    this.changed = changed;
    this.uploads = [];
    this.running = 0;
    // What failed for want of a network is tried again as soon as there is one; what is done is not sent again.
    this.whenOnline = () => this.uploads.filter((each) => each.state === "failed" && each.offline).forEach((each) => this.retry(each));
    window.addEventListener("online", this.whenOnline);
  }

  /** Stops everything that is under way; nothing is told any more. */
  close() {
    window.removeEventListener("online", this.whenOnline);
    this.changed = () => {};
    this.uploads.forEach((upload) => this.cancel(upload));
  }

  get underWay() {
    return this.uploads.some((upload) => upload.underWay);
  }

  /** Takes files; one of a name that is already listed here takes its place. `options` are those of an upload. */
  add(files, options) {
    const added = [...files].map((file) => new Upload(file, this.limits, options));
    for (const upload of added) {
      for (const former of this.uploads.filter((each) => each.name === upload.name)) {
        this.cancel(former);
        this.forget(former);
      }
    }
    this.uploads.push(...added);
    added.forEach((upload) => this.changed(upload));
    this.#next();
    return added;
  }

  retry(upload) {
    Object.assign(upload, { state: "waiting", sent: 0, error: null, offline: false, stopper: new AbortController() });
    this.changed(upload);
    this.#next();
  }

  cancel(upload) {
    if (!upload.underWay) return;
    upload.state = "cancelled";
    upload.stopper.abort();
    this.changed(upload);
  }

  forget(upload) {
    this.uploads = this.uploads.filter((each) => each !== upload);
    this.changed(upload);
  }

  #next() {
    while (this.running < AT_ONCE) {
      // Two files of one name, from two folders: the second waits, and its answer asks which one is meant.
      const names = new Set(this.uploads.filter((each) => each.underWay && each.state !== "waiting").map((each) => each.name));
      const upload = this.uploads.find((each) => each.state === "waiting" && !names.has(each.name));
      if (!upload) return;
      this.running += 1;
      upload.state = "sending";
      this.changed(upload);
      this.#send(upload).finally(() => {
        this.running -= 1;
        this.#next();
      });
    }
  }

  async #send(upload) {
    const { signal } = upload.stopper;
    const progress = (sent) => {
      upload.sent = sent;
      upload.state = sent < upload.file.size ? "sending" : "checking";
      this.changed(upload);
    };
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        const session = await uploadFile(this.key, upload.file, { name: upload.name, signal, progress });
        if (signal.aborted) return;
        upload.state = "accepted";
        this.uploads = this.uploads.filter((each) => each !== upload);
        this.changed(upload, session);
        return;
      } catch (error) {
        if (error instanceof CancelledError || signal.aborted) return;
        if (attempt < (error.hostStatus === 429 ? TRIES_WHILE_BUSY : TRIES) && mayPass(error)) {
          await this.#pause(upload, error, attempt);
          continue;
        }
        upload.error = error;
        upload.offline = error instanceof NetworkError;
        upload.state = stateAfter(error);
        this.changed(upload);
        return;
      }
    }
  }

  async #pause(upload, error, attempt) {
    const seconds = Math.min(MAX_PAUSE_SECONDS, error.retryAfter ?? 2 ** attempt) + Math.random();
    upload.waitsFor = error;
    upload.sent = 0;
    upload.state = "sending";
    this.changed(upload);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      upload.stopper.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    });
    upload.waitsFor = null;
  }
}

// The service counts a repeated file once, so that repeating is always safe.
const mayPass = (error) =>
  error instanceof NetworkError || error.mayPass || (error instanceof ServiceError && [408, 429, 502, 503, 504].includes(error.status));

/** What becomes of an upload by its error: the file is at fault, the name is taken, or it is something else. */
function stateAfter(error) {
  if (!(error instanceof ServiceError)) return "failed";
  if (error.reason === "nameAlreadyExists" && error.inner.fileId) return "taken";
  return ["invalidFile", "maxFileSizeExceeded"].includes(error.reason) ? "refused" : "failed";
}
