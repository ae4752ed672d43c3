// A session that has expired: why, what became of its files, and how to go on.

import { h } from "../dom.js";
import { count } from "../format.js";
import { acceptedFiles } from "./accepted.js";
import { startAgain } from "./starting.js";

export const expiredHeading = ({ name }) => `The upload for ${name} has expired`;

function whatBecame(files) {
  if (files === 0) return "No file had been accepted in it.";
  return `${count(files, "file was", "files were")} accepted in it, and not handed in.`;
}

export function expired(state) {
  const { session, files, application } = state;
  const accepted = acceptedFiles({});
  accepted.update(state);
  return {
    element: h(
      "div",
      {},
      h("p", { "data-session-status": "expired" }, h("span", { class: "tag over" }, "Expired"), " Nothing happened in it for too long, so it was closed and cannot be finished."),
      state.mayWrite && h("p", {}, "The review may still need your files. Start again, and upload them: what was accepted here is accepted again."),
      state.mayWrite ? h("div", { class: "actions" }, startAgain(state.key, session)) : h("p", {}, "An owner of this application can start again for this review."),
      application.contact && h("p", { class: "hint" }, "Questions? ", application.contact),
      h("p", { class: "empty" }, whatBecame(session.stats.filesUploaded)),
      files.length > 0 && accepted.element,
    ),
    update() {},
  };
}
