// Which view an address shows. One view is shown at a time: each gets an element of its own, so that what an old one draws
// late is not seen, and a signal that tells when it is left.

import { confirmation, fill, focusOn, h, retitle } from "./dom.js";
import { placeOf } from "./places.js";
import { problem } from "./views/problem.js";

/**
 * `views` has a function for each view of `placeOf`. It gets its element, the ids of the place, the page's configuration,
 * and `{ signal, reload }`: the signal is aborted when the view is left. It may return a function that says what to ask
 * before that (`title`, `text`, `yes`, `no`), or null for nothing.
 */
export class Router {
  constructor(main, views, configuration) {
    this.main = main;
    this.views = views;
    this.configuration = configuration;
    this.shown = null;
    this.visit = null;
    this.position = history.state?.position ?? 0;
    this.asking = false;
  }

  start() {
    window.addEventListener("hashchange", () => this.follow());
    return this.follow();
  }

  /** Shows what the address says, unless the view that is shown wants to stay. */
  async follow() {
    if (this.asking) return;
    const place = placeOf(location.hash);
    if (place.address !== this.shown && !(await this.#mayLeave())) {
      this.#goBack();
      return;
    }
    // The person may have gone on while the question was open.
    const wanted = placeOf(location.hash);
    this.#remember(wanted);
    if (wanted.address !== this.shown) await this.#show(wanted);
  }

  reload() {
    return this.#show(placeOf(location.hash));
  }

  async #show({ view, key, address }) {
    this.visit?.abandoned.abort();
    const visit = { abandoned: new AbortController(), question: () => null };
    this.visit = visit;
    this.shown = address;
    const element = h("div", { class: "view" }, h("p", { class: "loading", role: "status" }, "Loading…"));
    fill(this.main, element);
    const { signal } = visit.abandoned;
    const reload = () => visit === this.visit && this.reload();
    try {
      if (view === null) fill(element, problem({ notFound: true }));
      else visit.question = (await this.views[view](element, key, this.configuration, { signal, reload })) ?? visit.question;
    } catch (error) {
      if (visit !== this.visit) return;
      visit.abandoned.abort();
      fill(element, problem({ error, retry: reload, home: view !== "home" }));
    }
    if (visit !== this.visit) return;
    retitle(element);
    focusOn(element.querySelector("h1"));
  }

  async #mayLeave() {
    const question = this.visit?.question();
    if (!question) return true;
    this.asking = true;
    try {
      const { title, text, yes, no } = question;
      return await confirmation({ title, body: h("p", {}, text), yes, no });
    } finally {
      this.asking = false;
    }
  }

  /** Writes the address as the page writes it, and notes which entry of the history this is. */
  #remember({ address }) {
    const position = history.state?.position ?? this.position + (this.shown === null ? 0 : 1);
    history.replaceState({ position }, "", address);
    this.position = position;
  }

  /** Back to the entry of the view that stays; none of the others is lost. */
  #goBack() {
    const steps = this.position - (history.state?.position ?? this.position + 1);
    if (steps !== 0) history.go(steps);
  }
}
