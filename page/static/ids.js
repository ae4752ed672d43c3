// The ids in what somebody pastes: an address of the Entra portal, a line of a script, an id in braces.

import { guidsIn } from "./places.js";

// What stands before an id that is never asked for.
const OTHERS = /(tenant|directory|subscription|client|app)(id)?[^a-z0-9]*$/i;

/**
 * The ids of a text for the names of `wanted`, which has for each the word that stands before its id in an address, such as
 * `catalogId`. Ids without one of these words are taken in their order, unless a word says that they are something else.
 */
function idsFor(text, wanted) {
  const found = {};
  const others = [];
  let rest = 0;
  for (const id of guidsIn(text)) {
    const at = text.toLowerCase().indexOf(id, rest);
    const before = text.slice(rest, at);
    rest = at + id.length;
    const name = Object.keys(wanted).find((each) => new RegExp(`${wanted[each]}[^a-z0-9]*$`, "i").test(before));
    if (name) found[name] ??= id;
    else if (!OTHERS.test(before)) others.push(id);
  }
  for (const name of Object.keys(wanted)) if (!found[name] && others.length) found[name] = others.shift();
  return found;
}

/**
 * Lets each of some fields (`forms.js`) take an id out of what is pasted, and the others theirs out of the same text.
 *
 * `wanted` is that of `idsFor`; `fields` has a field for each of its names.
 */
export function takeIds(fields, wanted) {
  for (const [name, { input }] of Object.entries(fields)) {
    input.addEventListener("paste", (event) => {
      const text = event.clipboardData.getData("text");
      // One id alone belongs where it is pasted.
      const found = guidsIn(text).length === 1 ? { [name]: guidsIn(text)[0] } : idsFor(text, wanted);
      if (!Object.keys(found).length) return;
      event.preventDefault();
      for (const [each, id] of Object.entries(found)) fields[each].input.value = id;
    });
  }
}

/** The id in a field, in lower case; null if there is none. */
export const idIn = (field) => guidsIn(field.value())[0] ?? null;
