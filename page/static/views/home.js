// My applications: what is asked of the caller, by deadline, and below it everything else, a line each.

import { applications } from "../api.js";
import { until } from "../clock.js";
import { announce, fill, h, heading } from "../dom.js";
import { count, dateTime, number, remaining, time } from "../format.js";
import { applicationPlace, sessionPlace } from "../places.js";
import { part } from "../parts.js";
import { textField } from "./forms.js";
import { explain } from "./problem.js";
import { startAgain } from "./starting.js";

// From so many applications on there is a filter, and those without anything to do are folded away.
const MANY = 10;

// So many of a list are shown at first.
const SHOWN = 20;

const URGENT_MINUTES = 30;

// An expired session is asked for as long as its review may last.
const ASKED_DAYS = 30;

export async function showHome(main) {
  const listed = await applications();
  const permission = listed["@uploads.permission"];
  const mine = listed.value.map((application) => ({ ...application, mayUpload: permission === "readWrite" || application["@uploads.role"] === "owner" }));
  const lists = h("div");
  const show = (words = "") => fill(lists, groups(mine.filter((each) => matches(each, words)), Boolean(words)));
  fill(
    main,
    heading("My applications"),
    h("p", { class: "lead" }, "Upload the access data of an application for its review, and keep the receipt."),
    mine.length === 0 && h("p", { class: "empty" }, permission === "readWrite" ? NOTHING_YET : NOTHING_FOR_YOU),
    mine.length >= MANY && filter(mine, show),
    lists,
    permission === "readWrite" && forGovernance(),
  );
  show();
}

function forGovernance() {
  const panels = h("div");
  part(() => Promise.all([import("./description.js"), import("./directory.js")])).then(
    ([{ nameApplication }, { directoryPanel }]) => fill(panels, nameApplication(), directoryPanel()),
    (error) => fill(panels, h("p", { class: "note" }, explain(error).title, ". ", explain(error).text)),
  );
  return [h("h2", {}, "For the governance team"), panels];
}

const NOTHING_YET = "No application has a name yet. Name the first one below; then create an upload session for its review.";
const NOTHING_FOR_YOU =
  "No application has been assigned to you. Ask the governance team for access to yours, or for the link to its upload session.";

function filter(all, show) {
  const field = textField({ id: "filter", label: "Find an application", type: "search" });
  field.input.addEventListener("input", () => {
    show(field.value());
    announce(`${number(all.filter((each) => matches(each, field.value())).length)} of ${count(all.length, "application")}`);
  });
  return field.element;
}

const nameOf = ({ displayName, resourceId }) => displayName ?? `Application ${resourceId}`;

const matches = (application, words) =>
  words.toLowerCase().split(/\s+/).every((word) => `${nameOf(application)} ${application.description ?? ""}`.toLowerCase().includes(word));

function groups(shown, filtered) {
  const asked = shown.flatMap((application) => application.uploadSessions.filter(isAskedFor).map((session) => ({ application, session })));
  // What is open, by deadline; then what has expired, the latest first.
  const deadline = ({ session }) => until(session.expirationDateTime);
  asked.sort((one, other) => (deadline(one) < 0) - (deadline(other) < 0) || Math.sign(deadline(one)) * (deadline(one) - deadline(other)));
  const busy = new Set(asked.map(({ application }) => application));
  const rest = shown.filter((each) => !busy.has(each)).sort((one, other) => nameOf(one).localeCompare(nameOf(other)));
  return [
    list("To do", asked.filter(({ application }) => application.mayUpload)),
    list("Waiting for their owners", asked.filter(({ application }) => !application.mayUpload)),
    filtered && !shown.length && h("p", { class: "empty" }, "No application has these words in its name."),
    rest.length > 0 && nothingToDo(rest, { folded: !filtered && asked.length > 0 && shown.length >= MANY }),
  ];
}

const list = (title, asked) => asked.length > 0 && [h("h2", {}, title), longList("cards", asked, toDo)];

const isAskedFor = ({ status, expirationDateTime }) => status === "active" || (status === "expired" && until(expirationDateTime) > -ASKED_DAYS * 86_400_000);

function nothingToDo(rest, { folded }) {
  const title = `Nothing to do now (${number(rest.length)})`;
  const lines = longList("lines", rest, line);
  return folded ? h("details", { class: "group" }, h("summary", {}, title), lines) : [h("h2", {}, title), lines];
}

/** The first of a list, and a button for the others. */
function longList(kind, entries, make) {
  const list = h("ul", { class: kind }, entries.slice(0, SHOWN).map(make));
  if (entries.length <= SHOWN) return list;
  const more = h("button", { class: "button secondary" }, `Show all ${number(entries.length)}`);
  more.addEventListener("click", () => {
    const others = entries.slice(SHOWN).map(make);
    list.append(...others);
    more.remove();
    others[0].querySelector("a").focus();
  });
  return [list, more];
}

/** A session that waits for files. */
function toDo({ application, session }) {
  const key = { ...application, sessionId: session.id };
  const over = until(session.expirationDateTime) < 0;
  return h(
    "li",
    { class: "card to-do", "data-asked": over ? "expired" : "active" },
    h("h3", {}, h("a", { href: applicationPlace(application) }, nameOf(application))),
    over ? expired(session, application) : open(session),
    h(
      "div",
      { class: "actions" },
      !application.mayUpload
        ? h("a", { href: sessionPlace(key) }, "Look at it", h("span", { class: "hidden" }, `: ${nameOf(application)}`))
        : over
          ? startAgain(application, session)
          : h("a", { class: "button", href: sessionPlace(key) }, "Upload files", h("span", { class: "hidden" }, ` for ${nameOf(application)}`)),
    ),
  );
}

function open({ expirationDateTime, stats }) {
  const left = until(expirationDateTime);
  const urgent = left < URGENT_MINUTES * 60_000;
  return [
    h("p", { class: urgent ? "due urgent" : "due" }, h("span", {}, urgent ? `Closes in ${remaining(left)}` : `Open until ${time(expirationDateTime)}`)),
    h("p", { class: "hint" }, stats.filesUploaded ? `${count(stats.filesUploaded, "file")} uploaded, not finished yet` : "No files yet"),
  ];
}

const expired = ({ expirationDateTime }, { mayUpload }) => [
  h("p", { class: "due" }, h("span", { class: "tag over" }, "Expired"), h("span", {}, `This review still needs ${mayUpload ? "your" : "its"} files.`)),
  h("p", { class: "hint" }, `The upload closed on ${dateTime(expirationDateTime)}, since nothing had happened in it for too long.`),
];

/** An application with nothing to do: what came last. */
function line(application) {
  const last = application.uploadSessions.at(-1);
  return h("li", {}, h("a", { href: applicationPlace(application) }, nameOf(application)), " ", h("span", { class: "hint" }, lastWords(last)));
}

function lastWords(last) {
  if (!last) return "Nothing was asked for yet";
  if (last.status !== "complete") return `The upload closed on ${dateTime(last.expirationDateTime)} without being finished`;
  const { completedDateTime, fileCount, rowCount } = last["@uploads.receipt"];
  const what = rowCount === null ? "" : `, ${count(fileCount, "file")}, ${count(rowCount, "row")}`;
  return `Handed in on ${dateTime(completedDateTime)}${what}`;
}
