// A form with which the governance team creates a session for a review, and the link to send.

import { fill, focusOn, h } from "../dom.js";
import { time } from "../format.js";
import { idIn, takeIds } from "../ids.js";
import { linkTo, sessionPlace } from "../places.js";
import { formErrors, formFailure, textField } from "./forms.js";
import { started } from "./starting.js";

const COPIED_MILLISECONDS = 2000;

/** `created()` is called when there is a new one. */
export function newSession(key, created) {
  const place = h("div");
  const fields = {
    reviewDefinitionId: textField({
      id: "reviewDefinitionId",
      label: "Access review definition id",
      hint: "Paste the address of the review in the Entra portal: both ids are taken out of it.",
      required: true,
    }),
    reviewInstanceId: textField({ id: "reviewInstanceId", label: "Access review instance id", hint: "Of this run of the review.", required: true }),
  };
  takeIds(fields, { reviewDefinitionId: "(definition|review)s?(id)?", reviewInstanceId: "instances?(id)?" });
  const summary = h("div");
  const submit = async (event) => {
    event.preventDefault();
    const review = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, idIn(field)]));
    const missing = ([name, id]) => [name, id ? null : `${fields[name].label}: enter it, or paste the address of the review`];
    if (formErrors(summary, fields, Object.fromEntries(Object.entries(review).map(missing)))) return;
    try {
      const session = await started(key, review);
      showLink(place, key, session);
      if (session.isNew) created();
    } catch (error) {
      formFailure(summary, fields, error);
    }
  };
  return h(
    "details",
    { class: "panel" },
    h("summary", {}, "Create a session for a review"),
    h("form", { novalidate: true, onsubmit: submit }, summary, Object.values(fields).map((field) => field.element), h("button", { class: "button" }, "Create the session")),
    place,
  );
}

function showLink(place, key, { sessionId, isNew, expirationDateTime }) {
  const link = linkTo(sessionPlace({ ...key, sessionId }));
  const copy = h("button", { class: "button secondary" }, "Copy the link");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(link);
    fill(copy, "Copied");
    setTimeout(() => fill(copy, "Copy the link"), COPIED_MILLISECONDS);
  });
  const box = h(
    "div",
    { class: "success", role: "status", tabindex: "-1" },
    h("p", {}, isNew ? "The session was created." : "This review instance has a session already.", " Send this link to the owner of the application:"),
    h("p", {}, h("a", { href: link }, link)),
    isNew &&
      h("p", {}, `Open until ${time(expirationDateTime)}, then it closes unless a file is uploaded. The link keeps working: the owner can start again with it.`),
    h("div", { class: "actions" }, copy),
  );
  fill(place, box);
  focusOn(box);
}
