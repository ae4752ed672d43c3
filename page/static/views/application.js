// An application: its sessions, and what the governance team does with it.

import * as api from "../api.js";
import { facts, fill, h, heading, retitle } from "../dom.js";
import { count, dateTime, time } from "../format.js";
import { HOME, sessionPlace } from "../places.js";
import { sessionState } from "../words.js";
import { showAccess } from "./access.js";
import { accountsPanel } from "./accounts.js";
import { editApplication } from "./description.js";
import { showHistory } from "./history.js";
import { newSession } from "./new-session.js";
import { panel } from "./panel.js";
import { startAgain } from "./starting.js";

const MOST_SESSIONS = 50;

export async function showApplication(main, key, config) {
  const [application, sessions, permission] = await Promise.all([
    api.application(key).catch((error) => (error.status === 404 ? {} : Promise.reject(error))),
    api.sessions(key, MOST_SESSIONS),
    api.permission(),
  ]);
  const list = h("div", {}, sessionList(key, application, sessions));
  const about = h("div", {}, described(key, application));
  const manages = permission === "readWrite";
  const renamed = (stored) => {
    fill(about, described(key, stored));
    retitle(main);
  };
  const created = async () => {
    // The new session is there, whether or not the list can be read again.
    const current = await api.sessions(key, MOST_SESSIONS).catch(() => null);
    if (current) fill(list, sessionList(key, application, current));
  };
  fill(
    main,
    h("nav", { "aria-label": "Breadcrumb", class: "breadcrumb" }, h("a", { href: HOME }, "My applications")),
    about,
    h("h2", {}, "Upload sessions"),
    list,
    application["@uploads.right"] === "declare" && application.import?.principals && accountsPanel(key),
    permission && h("h2", {}, "For the governance team"),
    manages && [newSession(key, created), editApplication(key, application, config, renamed), panel("Who has access", (content) => showAccess(content, key))],
    permission && panel("History", (content) => showHistory(content, key)),
  );
}

function described(key, { displayName, description, contact, expectedLayout, expectedRows }) {
  return [
    heading(displayName ?? `Application ${key.resourceId}`),
    description && h("p", { class: "lead" }, description),
    facts([contact && ["Contact", contact], expectedLayout && ["Expected columns", expectedLayout], expectedRows && ["Expected rows", count(expectedRows, "row")]]),
  ];
}

function sessionList(key, application, sessions) {
  if (!sessions.length) return h("p", { class: "empty" }, "Nothing was asked for yet.");
  const reviews = new Set();
  return h(
    "ul",
    { class: "cards" },
    sessions.map((session) => {
      // The newest one of a review is what counts of it.
      const isLast = !reviews.has(session.referenceId);
      reviews.add(session.referenceId);
      const mayStart = isLast && session.status === "expired" && application["@uploads.right"] !== "read";
      return h("li", { class: "card" }, card(key, session), mayStart && h("div", { class: "actions" }, startAgain({ ...key, ...application }, session)));
    }),
  );
}

function card(key, session) {
  const [kind, words] = sessionState(session.status);
  return [
    h("h3", {}, h("span", { class: `tag ${kind}` }, words), " ", h("a", { href: sessionPlace({ ...key, sessionId: session.id }) }, `Session of ${dateTime(session.createdDateTime)}`)),
    h("p", { class: "hint" }, stateOf(session)),
    h("p", { class: "reference" }, "Review instance ", h("code", {}, session.referenceId)),
  ];
}

function stateOf(session) {
  const files = session.stats.filesUploaded ? count(session.stats.filesUploaded, "file") : "no files";
  if (session.status === "active") return `Open until ${time(session.expirationDateTime)} · ${files} so far`;
  if (session.status !== "complete") return `Closed on ${dateTime(session.expirationDateTime)} without being finished · ${files}`;
  const { completedDateTime, fileCount, rowCount } = session["@uploads.receipt"];
  const what = rowCount === null ? files : `${count(fileCount, "file")}, ${count(rowCount, "row")}`;
  return `Handed in on ${dateTime(completedDateTime)} · ${what}`;
}
