// What was changed of an application, in words, the newest first.

import { changes, grants } from "../api.js";
import { signedIn } from "../auth.js";
import { fill, h } from "../dom.js";
import { count, dateTime, number } from "../format.js";
import { sessionPlace } from "../places.js";
import { change } from "../words.js";
import { complain } from "./forms.js";

/** Shows it in an element: a part at a time. */
export async function showHistory(content, key) {
  const [first, names] = await Promise.all([changes(key), namesOf(key)]);
  if (!first.value.length && !first.next) {
    fill(content, h("p", { class: "empty" }, "Nothing has happened yet."));
    return;
  }
  const list = h("ul", { class: "history" });
  const older = h("button", { class: "button secondary" }, "Show older changes");
  const problem = h("div");
  let next = null;
  const append = (page) => {
    const entries = page.value.map((record) => entry(record, key, names));
    list.append(...entries);
    next = page.next;
    older.hidden = !next;
    return entries;
  };
  older.addEventListener("click", async () => {
    try {
      const [entry] = append(await changes(key, next));
      complain(problem, null);
      entry?.setAttribute("tabindex", "-1");
      entry?.focus();
    } catch {
      complain(problem, "The older changes could not be read. Try again.");
    }
  });
  append(first);
  fill(content, list, problem, older);
}

/**
 * The names of people and groups by object id, as far as grants have them, and one's own. Not everybody who reads changes
 * reads grants.
 */
async function namesOf({ catalogId }) {
  const { value } = await grants(catalogId).catch(() => ({ value: [] }));
  const { id, name } = signedIn();
  return new Map([[id, name], ...value.map((grant) => [grant.principalId, grant.displayName])].filter(([, each]) => each));
}

function entry(record, key, names) {
  const { activityDateTime, activity, result, sessionId, details } = record;
  const refused = result === "refused" && activity === "uploadFile";
  return h(
    "li",
    {},
    h("time", { datetime: activityDateTime }, dateTime(activityDateTime)),
    " ",
    who(record, names),
    ` ${refused ? "uploaded a file that needs fixing" : change(activity)}`,
    more(activity, details, names),
    sessionId && [" ", h("a", { href: sessionPlace({ ...key, sessionId }) }, "Look at the session")],
  );
}

function who({ objectId, requestId }, names) {
  if (objectId) return person(objectId, names);
  return requestId ? "Someone" : "The service";
}

const person = (id, names) => (names.has(id) ? h("bdi", {}, h("strong", {}, names.get(id))) : h("code", { class: "id" }, id));

/** What else a change is about; the details of a record depend on it. */
function more(activity, details, names) {
  if (activity === "putGrant") return [" to ", person(details.principalId, names), details.role && ` as ${details.role}`, "."];
  if (activity === "deleteGrant") return [" of ", person(details.principalId, names), "."];
  if (activity === "completeSession") return ` with ${count(details.files, "file")}, ${number(details.rows ?? 0)} rows.`;
  const text = details.name ?? details.displayName;
  return text ? [": ", h("bdi", {}, text), "."] : ".";
}
