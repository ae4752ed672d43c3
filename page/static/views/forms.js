// Form fields with their labels, hints and errors, tied together for screen readers.

import { fill, focusOn, h } from "../dom.js";
import { explain, reference } from "./problem.js";

/** A line of text. `error(text)` shows what is wrong with it, or nothing with null. */
export function textField({ id, label, hint = null, required = false, maxlength = null, value = "", type = "text" }) {
  const input = h("input", { id, name: id, type, autocomplete: "off", spellcheck: "false", "aria-required": String(required), maxlength });
  input.value = value;
  return field({ id, label, hint, input });
}

/** A choice of a few. `options` are pairs of a value and its words. */
export function selectField({ id, label, hint = null, options, value = options[0][0] }) {
  const input = h("select", { id, name: id }, options.map(([each, words]) => h("option", { value: each }, words)));
  input.value = value;
  return field({ id, label, hint, input });
}

function field({ id, label, hint, input }) {
  const error = h("p", { id: `${id}-error`, class: "error-text", hidden: true });
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return {
    element: h("div", { class: "field" }, h("label", { for: id }, label), hint && h("p", { id: `${id}-hint`, class: "hint" }, hint), error, input),
    input,
    label,
    value: () => input.value.trim(),
    error: (text) => {
      error.hidden = !text;
      fill(error, text ?? "");
      if (text) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
      input.setAttribute("aria-describedby", [hint && `${id}-hint`, text && `${id}-error`].filter(Boolean).join(" "));
    },
  };
}

/** Says in an element what did not succeed, or nothing with null: an alert without words is found, too. */
export const complain = (place, text) => fill(place, text && h("p", { class: "error-text", role: "alert" }, text));

/** Shows the faults of a form, above it and at each field, and moves the focus there; returns whether there are any. */
export function formErrors(summary, fields, faults) {
  const found = Object.entries(faults).filter(([, text]) => text);
  for (const [name, field] of Object.entries(fields)) field.error(faults[name] ?? null);
  fill(
    summary,
    found.length > 0 &&
      h(
        "div",
        { class: "error-summary", role: "alert", tabindex: "-1" },
        h("h3", {}, "There is a problem"),
        h("ul", {}, found.map(([name, text]) => h("li", {}, h("a", { href: "#", onclick: (event) => jump(event, fields[name]) }, text)))),
      ),
  );
  if (found.length > 0) focusOn(summary.firstElementChild);
  return found.length > 0;
}

/** Shows at its field what the service does not accept, and every other error above the form. */
export function formFailure(summary, fields, error) {
  const { title, text } = explain(error);
  const field = fields[error.target];
  if (error.status === 400 && field) {
    formErrors(summary, fields, { [error.target]: `${field.label}: this is not accepted. Check it and try again` });
    return;
  }
  for (const each of Object.values(fields)) each.error(null);
  fill(summary, h("div", { class: "error-summary", role: "alert", tabindex: "-1" }, h("h3", {}, title), text.map((line) => h("p", {}, line)), reference(error)));
  focusOn(summary.firstElementChild);
}

function jump(event, field) {
  event.preventDefault();
  field.input.focus();
}
