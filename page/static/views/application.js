// An application: its sessions; for the governance team its name, a new session, who has access, and its history.

import * as api from "../api.js";
import { announce, confirmation, facts, fill, focusOn, h, heading } from "../dom.js";
import { bytes, count, dateTime } from "../format.js";
import { formErrors, selectField, textField } from "./forms.js";
import { explain } from "./problem.js";

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const STATUS = { active: ["good", "Open"], complete: ["good", "Complete"], expired: ["bad", "Expired"] };
const ACTIVITY = {
  createSession: "created a session",
  uploadFile: "uploaded a file",
  completeSession: "finished a session",
  deleteSession: "deleted a session",
  expireSession: "a session expired",
  putGrant: "gave access",
  deleteGrant: "revoked access",
  deleteFile: "removed a file",
  deleteRefusal: "withdrew a refused file",
  putResource: "named the application",
  putImport: "declared what its files are like",
  deleteImport: "removed what was declared of its files",
  deleteResource: "removed the application's name",
};

export async function showApplication(main, key, config) {
  const [application, sessions, listed] = await Promise.all([
    api.application(key).catch((error) => (error.status === 404 ? {} : Promise.reject(error))),
    api.sessions(key, 50),
    api.applications(),
  ]);
  const permission = listed["@uploads.permission"];
  const manages = permission === "readWrite";
  const name = application.displayName ?? `Application ${key.resourceId}`;
  const created = h("div");
  const history = h("div");
  const access = h("div");
  fill(
    main,
    h("nav", { "aria-label": "Breadcrumb", class: "breadcrumb" }, h("a", { href: "#/" }, "My applications")),
    heading(name),
    application.description && h("p", { class: "lead" }, application.description),
    facts([
      application.contact && ["Contact", application.contact],
      application.expectedLayout && ["Expected layout", application.expectedLayout],
      application.expectedRows && ["Expected rows", count(application.expectedRows, "row")],
    ]),
    h("h2", {}, "Upload sessions"),
    sessionList(key, sessions),
    manages && [newSession(key, created), editApplication(key, application, config), panel("Who has access", access, () => showAccess(access, key))],
    permission && panel("History", history, () => showHistory(history, key)),
  );
}

function sessionList(key, sessions) {
  if (!sessions.length) return h("p", { class: "empty" }, "There is none yet.");
  return h(
    "ul",
    { class: "cards" },
    sessions.map((session) => {
      const [tag, words] = STATUS[session.status] ?? ["", session.status];
      return h(
        "li",
        { class: "card" },
        h("h3", {}, h("span", { class: `tag ${tag}` }, words), " ", h("a", { href: `#/${key.catalogId}/${key.resourceId}/${session.id}` }, `Session of ${dateTime(session.createdDateTime)}`)),
        h("p", { class: "hint" }, `${count(session.stats.filesUploaded, "file")}, ${bytes(session.stats.totalBytesUploaded)} · review instance ${session.referenceId}`),
      );
    }),
  );
}

/** A section that reads what it shows when it is opened first. */
function panel(title, content, load) {
  const element = h("details", { class: "panel" }, h("summary", {}, title), content);
  element.addEventListener("toggle", () => element.open && guarded(content, load), { once: true });
  return element;
}

async function guarded(content, action) {
  try {
    await action();
  } catch (error) {
    const { title, text } = explain(error);
    fill(content, h("p", { class: "error-text", role: "alert" }, title, ". ", text.join(" ")));
  }
}

function newSession(key, created) {
  const fields = {
    reviewDefinitionId: textField({ id: "reviewDefinitionId", label: "Access review definition id", hint: "A GUID, from the review in Entra.", required: true }),
    reviewInstanceId: textField({ id: "reviewInstanceId", label: "Access review instance id", hint: "A GUID, of this run of the review.", required: true }),
  };
  const summary = h("div");
  const submit = async (event) => {
    event.preventDefault();
    const review = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value()]));
    const faults = Object.fromEntries(
      Object.entries(review).map(([name, text]) => [name, GUID.test(text) ? null : "Enter a GUID such as 8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11"]),
    );
    if (formErrors(summary, fields, faults)) return;
    try {
      const { id } = await api.createSession(key, review);
      showLink(created, key, id, "The session was created.");
    } catch (error) {
      if (error.inner?.uploadSessionId) showLink(created, key, error.inner.uploadSessionId, "This review instance has a session already.");
      else formErrors(summary, fields, { reviewInstanceId: error.message });
    }
  };
  return h(
    "details",
    { class: "panel" },
    h("summary", {}, "Create a session for a review"),
    h("form", { novalidate: true, onsubmit: submit }, summary, Object.values(fields).map((field) => field.element), h("button", { class: "button" }, "Create the session")),
    created,
  );
}

function showLink(place, key, sessionId, sentence) {
  const link = `${location.origin}/uploads#/${key.catalogId}/${key.resourceId}/${sessionId}`;
  const box = h(
    "div",
    { class: "success", role: "status", tabindex: "-1" },
    h("p", {}, sentence, " Send this link to the owner of the application:"),
    h("p", {}, h("a", { href: link }, link)),
    h("button", { class: "button secondary", onclick: () => navigator.clipboard.writeText(link).then(() => announce("The link was copied.")) }, "Copy the link"),
  );
  fill(place, box);
  focusOn(box);
}

function editApplication(key, application, config) {
  const fields = {
    displayName: textField({ id: "edit-name", label: "Name", required: true, maxlength: 256, value: application.displayName ?? "" }),
    description: textField({ id: "edit-description", label: "Description (optional)", maxlength: 1024, value: application.description ?? "" }),
    contact: textField({ id: "edit-contact", label: "Contact (optional)", maxlength: 256, value: application.contact ?? "" }),
    expectedLayout: selectField({
      id: "edit-layout",
      label: "Expected layout (optional)",
      options: [["", "Any"], ...config.layouts.map(({ name }) => [name, name])],
      value: application.expectedLayout ?? "",
    }),
    expectedRows: textField({ id: "edit-rows", label: "Expected number of rows (optional)", hint: "A file that is far off gets a warning.", value: application.expectedRows ? String(application.expectedRows) : "" }),
  };
  const summary = h("div");
  const submit = async (event) => {
    event.preventDefault();
    const value = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value()]));
    const faults = formErrors(summary, fields, {
      displayName: value.displayName ? null : "Enter a name",
      expectedRows: /^\d{0,9}$/.test(value.expectedRows) ? null : "Enter a whole number",
    });
    if (faults) return;
    const properties = Object.fromEntries(Object.entries(value).filter(([, text]) => text));
    if (properties.expectedRows) properties.expectedRows = Number(properties.expectedRows);
    // The form does not show it, and what is not sent is removed.
    if (application.upstream) properties.upstream = application.upstream;
    try {
      await api.putApplication(key, properties);
      fill(summary, h("p", { class: "success", role: "status" }, "Saved."));
    } catch (error) {
      formErrors(summary, fields, { displayName: error.message });
    }
  };
  return h(
    "details",
    { class: "panel" },
    h("summary", {}, application.displayName ? "Change its name and expectations" : "Name this application"),
    h("form", { novalidate: true, onsubmit: submit }, summary, Object.values(fields).map((field) => field.element), h("button", { class: "button" }, "Save")),
  );
}

async function showAccess(content, key) {
  const { value } = await api.grants(key.catalogId);
  const own = value.filter((grant) => grant.resourceId === null || grant.resourceId === key.resourceId);
  const principal = textField({ id: "principalId", label: "Object id of a user, group or service principal", hint: "A GUID, from Entra.", required: true });
  const role = selectField({ id: "role", label: "Role", options: [["owner", "Owner: may upload and finish"], ["reader", "Reader: may look"]] });
  const summary = h("div");
  const give = async (event) => {
    event.preventDefault();
    if (formErrors(summary, { principal, role }, { principal: GUID.test(principal.value()) ? null : "Enter a GUID" })) return;
    await guarded(content, async () => {
      await api.putGrant(key, principal.value().toLowerCase(), role.value());
      announce("Access was given.");
      await showAccess(content, key);
    });
  };
  const revoke = async (grant) => {
    const yes = await confirmation({ title: "Revoke this access?", body: h("p", {}, `Principal ${grant.principalId}, ${grant.role}.`), yes: "Revoke", danger: true });
    if (!yes) return;
    await guarded(content, async () => {
      await api.deleteGrant(grant);
      announce("Access was revoked.");
      await showAccess(content, key);
    });
  };
  fill(
    content,
    own.length === 0
      ? h("p", { class: "empty" }, "Only people with a permission for the whole tenant.")
      : h(
          "table",
          {},
          h("caption", { class: "hidden" }, "Who has access"),
          h("thead", {}, h("tr", {}, ["Principal", "Role", "For", "Change"].map((name) => h("th", { scope: "col" }, name)))),
          h(
            "tbody",
            {},
            own.map((grant) =>
              h(
                "tr",
                {},
                h("th", { scope: "row" }, h("code", {}, grant.principalId)),
                h("td", {}, grant.role),
                h("td", {}, grant.resourceId ? "this application" : "the whole catalog"),
                h("td", {}, h("button", { class: "link", onclick: () => revoke(grant) }, "Revoke", h("span", { class: "hidden" }, ` ${grant.principalId}`))),
              ),
            ),
          ),
        ),
    h("form", { novalidate: true, onsubmit: give }, h("h3", {}, "Give access to this application"), summary, principal.element, role.element, h("button", { class: "button" }, "Give access")),
  );
}

async function showHistory(content, key) {
  const { value } = await api.audit(key);
  const newest = value.reverse().slice(0, 200);
  fill(
    content,
    newest.length === 0
      ? h("p", { class: "empty" }, "Nothing has happened yet.")
      : h(
          "ol",
          { class: "history" },
          newest.map((record) =>
            h(
              "li",
              {},
              h("time", { datetime: record.activityDateTime }, dateTime(record.activityDateTime)),
              " ",
              record.objectId ? h("code", {}, record.objectId) : record.requestId ? "Someone" : "The service",
              ` ${ACTIVITY[record.activity] ?? record.activity}`,
              record.result === "refused" && " (refused)",
              record.details.name && [": ", h("bdi", {}, record.details.name)],
            ),
          ),
        ),
  );
}
