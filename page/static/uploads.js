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
 * One file on its way. `state` is waiting, sending, checking, accepted, refused, failed or cancelled; `error` is what the
 * service or the network said of one that is refused or failed.
 */
export class Upload {
  constructor(file, limits) {
    lastId += 1;
    this.id = lastId;
    this.file = file;
    this.error = tooLarge(file.size, limits);
    this.state = this.error ? "failed" : "waiting";
    this.sent = 0;
    this.waitsFor = null;
    this.stopper = new AbortController();
  }

  get name() {
    // In the Unicode form in which the service has names: macOS gives another one.
    return this.file.name.normalize("NFC");
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

  close() {
    window.removeEventListener("online", this.whenOnline);
    this.changed = () => {};
  }

  get underWay() {
    return this.uploads.some((upload) => upload.underWay);
  }

  /** Takes files; one of a name that is already listed here and not accepted takes its place. */
  add(files) {
    const added = [...files].map((file) => new Upload(file, this.limits));
    for (const upload of added) {
      for (const former of this.uploads.filter((each) => each.name === upload.name && each.state !== "accepted")) {
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
    upload.state = "forgotten";
    this.changed(upload);
  }

  #next() {
    while (this.running < AT_ONCE) {
      const upload = this.uploads.find((each) => each.state === "waiting");
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
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        const session = await uploadFile(this.key, upload.file, {
          signal,
          progress: (sent) => {
            upload.sent = sent;
            upload.state = sent < upload.file.size ? "sending" : "checking";
            this.changed(upload);
          },
        });
        if (signal.aborted) return;
        upload.state = "accepted";
        upload.result = session.files?.find((file) => file.name === upload.name) ?? null;
        upload.warnings = session["@uploads.warnings"] ?? [];
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
        upload.state = isRefusal(error) ? "refused" : "failed";
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

/** Whether the file itself is at fault, rather than the session or the connection. */
const isRefusal = (error) => error instanceof ServiceError && ["invalidFile", "maxFileSizeExceeded"].includes(error.reason);
