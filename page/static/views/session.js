// A session: its heading and deadline, what stands in the way, and below that a view for each state that it can be in.

import { renew } from "../auth.js";
import { every, until } from "../clock.js";
import { announce, button, fill, focusOn, h, heading, retitle, say } from "../dom.js";
import { remaining, time } from "../format.js";
import { HOME } from "../places.js";
import { SessionActions } from "../session-actions.js";
import { SessionState } from "../session-state.js";
import { expired, expiredHeading } from "./expired.js";
import { open, openHeading } from "./open.js";
import { explain, reference } from "./problem.js";
import { receipt, receiptHeading } from "./receipt.js";

const URGENT_MILLISECONDS = 30 * 60_000;

const VIEWS = {
  active: [openHeading, open],
  complete: [receiptHeading, receipt],
  expired: [expiredHeading, expired],
  deleted: [() => "This upload is no longer here", deleted],
};

export async function showSession(place, key, config, { signal }) {
  const state = new SessionState(key, config, signal);
  window.addEventListener("beforeunload", (event) => state.queue.underWay && event.preventDefault(), { signal });
  await state.load();
  const view = new SessionView(place, state);
  state.subscribe((upload) => view.update(upload));
  every(1000, signal, () => view.tick());
  return () => (state.queue.underWay ? LEAVING : null);
}

const LEAVING = {
  title: "Files are still being uploaded",
  text: "If you leave this page, those that are not finished are stopped. What was accepted stays.",
  yes: "Leave and stop them",
  no: "Stay",
};

function deleted() {
  return {
    element: h(
      "div",
      {},
      h("p", { "data-session-status": "deleted" }, "It was deleted while it was open here, or your access to it was revoked. Ask the governance team."),
      h("div", { class: "actions" }, h("a", { class: "button", href: HOME }, "Go to my applications")),
    ),
    update() {},
  };
}

function unknown() {
  return { element: h("p", {}, "This upload is in a state that this page does not know. Load the page again."), update() {} };
}

class SessionView {
  constructor(place, state) {
    this.place = place;
    this.state = state;
    this.actions = new SessionActions(state);
    this.deadline = h("p", { class: "deadline" });
    this.problem = h("div");
    this.trouble = h("div", { role: "status" });
    this.shownProblem = null;
    this.shownTrouble = null;
    this.warned = false;
    this.#show();
    this.update();
  }

  /** Draws the view of the state that the session is in now. */
  #show() {
    const { state, place } = this;
    this.status = state.status;
    const [headingOf, make] = VIEWS[this.status] ?? [({ name }) => name, unknown];
    this.view = make(state, this.actions);
    const status = this.status === "active" && h("div", { class: "status", "data-session-status": "active" }, h("span", { class: "tag open" }, "Open"), this.deadline);
    fill(
      place,
      h("nav", { "aria-label": "Breadcrumb", class: "breadcrumb" }, h("a", { href: HOME }, "My applications")),
      h("div", { class: "title" }, heading(headingOf(state)), status),
      state.application.description && h("p", { class: "lead" }, state.application.description),
      this.trouble,
      this.problem,
      this.view.element,
    );
    retitle(place);
    this.tick();
  }

  update(upload = null) {
    const { state } = this;
    if (state.status !== this.status) {
      this.#show();
      announce(ANNOUNCED[this.status] ?? "");
      focusOn(this.place.querySelector("h1"));
    }
    this.view.update(upload);
    this.#showTrouble();
    this.#showProblem();
  }

  /** What an action of the person met, above the files: once, with the focus; everything else stays. */
  #showProblem() {
    const error = this.state.problem;
    if (error === this.shownProblem) return;
    this.shownProblem = error;
    if (!error) {
      fill(this.problem);
      return;
    }
    const { title, text } = explain(error);
    const box = h("div", { class: "error-summary", role: "alert", tabindex: "-1" }, h("h2", {}, title), text.map((line) => h("p", {}, line)), reference(error));
    fill(this.problem, box);
    focusOn(box);
  }

  /** Why what is shown may be old: said once, without the focus, and gone when it is over. */
  #showTrouble() {
    const error = this.state.trouble;
    const told = error && explain(error).title;
    if (told === this.shownTrouble) return;
    this.shownTrouble = told;
    const signIn = error?.status === 401 && button("Sign in", async () => (await renew()) && this.state.refresh(), { kind: "button secondary" });
    fill(this.trouble, told && h("div", { class: "note" }, h("p", {}, `${told}. What you see here may be old.`), signIn && h("div", { class: "actions" }, signIn)));
  }

  tick() {
    if (this.status !== "active") return;
    const { expirationDateTime } = this.state.session;
    const left = until(expirationDateTime);
    const urgent = left < URGENT_MILLISECONDS;
    this.deadline.classList.toggle("urgent", urgent);
    say(this.deadline, `until ${time(expirationDateTime)}, ${remaining(left)} left. Each upload extends it.`);
    if (urgent && !this.warned) announce(`This upload closes in ${remaining(left)}.`);
    this.warned = urgent;
  }
}

const ANNOUNCED = {
  complete: "Done. This is your receipt.",
  expired: "This upload has expired.",
  deleted: "This upload is no longer here.",
};
