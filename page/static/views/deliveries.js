// What a complete session's deliveries have come to, in words, and a way to try one again.

import { h } from "../dom.js";
import { count, dateTime } from "../format.js";

const TARGETS = { graph: "Forwarding", events: "Events to other systems" };
const STATES = { delivered: ["good", "Delivered"], pending: ["busy", "Waiting"], failed: ["bad", "Given up"] };

/** A section with each delivery; null if the session is handed on to nobody. `again` tries one again. */
export function deliveries(found, { again }) {
  if (!found?.length) return null;
  return h(
    "section",
    { class: "panel no-print", "aria-labelledby": "deliveries-title" },
    h("h2", { id: "deliveries-title" }, "Deliveries"),
    h("ul", { class: "files" }, found.map((delivery) => entry(delivery, again))),
  );
}

function entry(delivery, again) {
  const name = TARGETS[delivery.target] ?? delivery.target;
  const [kind, words] = STATES[delivery.state] ?? ["busy", delivery.state];
  const over = delivery.state === "delivered";
  return h(
    "li",
    { class: "card", "data-delivery": delivery.target, "data-delivery-state": delivery.state },
    h("h3", {}, name, " ", h("span", { class: `tag ${kind}` }, words)),
    h("p", {}, told(delivery)),
    !over && delivery.lastError && h("p", {}, delivery.lastError),
    !over &&
      h(
        "div",
        { class: "actions" },
        h("button", { class: "button secondary", onclick: () => again(delivery) }, "Try again", h("span", { class: "hidden" }, ` (${name})`)),
      ),
  );
}

function told({ state, attempts, nextAttemptDateTime, upstreamId }) {
  if (state === "delivered") return upstreamId ? ["It has arrived, as session ", h("code", {}, upstreamId), "."] : "It has been sent.";
  if (state === "failed") return `It was tried ${count(attempts, "time")}, and is not tried any more. Tell the governance team, or try again when the cause is fixed.`;
  if (!attempts) return "It is tried in a moment.";
  return `It was tried ${count(attempts, "time")} without success. The next attempt is at ${dateTime(nextAttemptDateTime)}.`;
}
