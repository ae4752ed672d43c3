// What a person does with a session. Each resolves to whether it was done; what stood in the way is in the state's `problem`.

import * as api from "./api.js";
import { ignoringGone } from "./session-state.js";

export class SessionActions {
  constructor(state) {
    this.state = state;
  }

  add(files, options) {
    const added = this.state.queue.add(files, options);
    for (const upload of added) upload.before = this.state.files.find(({ name }) => name === upload.name)?.id ?? null;
    return added;
  }

  /**
   * Uploads the fixed file for a refusal, under its name. What was no CSV file by its name, such as a workbook, gets one
   * with a name of its own, which takes care of the refusal.
   */
  fix({ id, name }, file) {
    return this.add([file], file.name === name || /\.csv$/i.test(name) ? { name } : { instead: id && { id } });
  }

  /** The same for an upload of this visit. */
  fixUpload(upload, file) {
    const added = this.fix({ id: upload.refusalId, name: upload.name }, file);
    this.state.queue.forget(upload);
    return added;
  }

  /** Puts the new content of a name in the place of the accepted file that has it. */
  async replace(upload) {
    const done = await this.state.act(() => ignoringGone(api.removeFile(this.state.key, upload.error.inner.fileId)));
    if (done) this.state.queue.retry(upload);
    return done;
  }

  remove(file) {
    return this.state.act(() => ignoringGone(api.removeFile(this.state.key, file.id)));
  }

  withdraw(entry) {
    return this.state.act(() => ignoringGone(api.withdrawRefusal(this.state.key, entry.id)));
  }

  /** Withdraws the refusal of an upload of this visit. */
  async withdrawUpload(upload) {
    const done = !upload.refusalId || (await this.withdraw({ id: upload.refusalId }));
    if (done) this.state.queue.forget(upload);
    return done;
  }

  redeliver({ target }) {
    return this.state.act(() => api.redeliver(this.state.key, target));
  }

  /** Seals the session as it was with this ETag. Throws only what asks another question: `unexpectedChange`. */
  async complete({ etag, allow }) {
    let unexpected = null;
    const done = await this.state.act(async () => {
      try {
        this.state.take(await api.completeSession(this.state.key, { etag, allow }));
      } catch (error) {
        if (error.reason === "unexpectedChange") unexpected = error;
        else if (!(await this.#isComplete())) throw error;
      }
    });
    if (unexpected) throw unexpected;
    return done;
  }

  /** Whether it was sealed all the same: the answer may have been lost, or somebody else was faster. */
  async #isComplete() {
    await this.state.refresh();
    return this.state.status === "complete";
  }
}
