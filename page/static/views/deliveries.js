// To whom a complete session is handed on, in words, and a way to try again.

import { announce, button, fill, focusOn, h, say } from "../dom.js";
import { count, time } from "../format.js";
import { DELIVERY_STATES, DELIVERY_TARGETS } from "../words.js";

/** The section; `update(deliveries)` brings it up to date. Hidden where nothing is handed on; `again` may be null. */
export function deliveries({ again }) {
  const title = h("h2", { id: "deliveries-title" });
  const list = h("ul", { class: "deliveries" });
  const element = h("section", { "aria-labelledby": "deliveries-title", hidden: true }, title, list);
  let told = null;
  const press =
    again &&
    (async (delivery) => {
      if (!(await again(delivery))) return;
      announce("It is tried again.");
      focusOn(title);
    });
  return {
    element,
    update(found) {
      if (JSON.stringify(found) === told) return;
      told = JSON.stringify(found);
      element.hidden = found.length === 0;
      say(title, found.length === 1 ? `Handed on to ${receiver(found[0])}` : "Handed on");
      fill(list, found.map((delivery) => entry(delivery, press)));
    },
  };
}

const receiver = ({ target }) => DELIVERY_TARGETS[target] ?? "another system";

function entry(delivery, again) {
  const [kind, words] = DELIVERY_STATES[delivery.state] ?? ["open", "Waiting"];
  return h(
    "li",
    { "data-delivery": delivery.target, "data-delivery-state": delivery.state },
    h("p", {}, h("span", { class: `tag ${kind}` }, words), ` ${receiver(delivery)}. `, told(delivery)),
    delivery.upstreamId && h("p", { class: "reference" }, "Their session: ", h("code", {}, delivery.upstreamId)),
    again && delivery.state !== "delivered" && button("Try again", () => again(delivery), { kind: "button secondary no-print", about: `(${receiver(delivery)})` }),
  );
}

/** How far it has come. Why an attempt failed is in the service's log and for the governance team: it names settings. */
function told({ state, attempts, nextAttemptDateTime, lastError }) {
  if (state === "delivered") return "It has arrived.";
  const tried = count(attempts, "attempt");
  if (state === "failed") return `After ${tried} it is not tried any more. ${cause(lastError)} Tell the governance team, or try again when the cause is fixed.`;
  if (!attempts) return "It is tried in a moment.";
  return `${tried} without success. ${cause(lastError)} The next one is at ${time(nextAttemptDateTime)}.`;
}

const CAUSES = [
  [/could not be reached|stalled/, "It could not be reached."],
  [/layout/i, "It does not take files with these columns."],
  [/retention/, "The files have been removed meanwhile."],
  [/without any file/, "There was no file to hand on."],
];

const cause = (lastError) => CAUSES.find(([pattern]) => pattern.test(lastError ?? ""))?.[1] ?? "";
