// My applications: what the caller may see, and what is asked of them now.

import { applications, putApplication, sessions } from "../api.js";
import { fill, h, heading } from "../dom.js";
import { bytes, count, dateTime, remaining } from "../format.js";
import { formErrors, textField } from "./forms.js";
import { explain } from "./problem.js";

const AT_ONCE = 6;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export async function showHome(main) {
  const listed = await applications();
  const mayManage = listed["@uploads.permission"] === "readWrite";
  // Only the state is filled in later: the rest of a card stays, and with it the focus.
  const entries = listed.value.map((application) => ({ application, state: h("div", {}, h("p", { class: "hint" }, "Reading its sessions…")) }));
  fill(
    main,
    heading("My applications"),
    h("p", { class: "lead" }, "Upload the access data of an application for its review, and keep the receipt."),
    entries.length === 0 && h("p", { class: "empty" }, mayManage ? NOTHING_YET : NOTHING_FOR_YOU),
    h("ul", { class: "cards" }, entries.map(({ application, state }) => h("li", { class: "card" }, card(application, state)))),
    mayManage && nameApplication(),
  );
  const waiting = entries.values();
  // Not awaited: the page is useful before the last of them is read.
  for (let worker = 0; worker < AT_ONCE; worker += 1) readSessions(waiting);
}

const NOTHING_YET = "No application has a name yet. Name the first one below; then create an upload session for its review.";
const NOTHING_FOR_YOU =
  "No application has been assigned to you. Ask the governance team for access to yours, or for the link to its upload session.";

async function readSessions(waiting) {
  for (const { application, state } of waiting) {
    try {
      fill(state, now(application, await sessions(application)));
    } catch (error) {
      fill(state, h("p", { class: "error-text" }, explain(error).title));
    }
  }
}

function card(application, state) {
  const { catalogId, resourceId, displayName, description } = application;
  return [
    h("h2", {}, h("a", { href: `#/${catalogId}/${resourceId}` }, displayName ?? `Application ${resourceId}`)),
    description && h("p", {}, description),
    state,
  ];
}

/** What is asked of the caller for one application: its active sessions first, else the last one. */
function now({ catalogId, resourceId }, found) {
  const active = found.filter((session) => session.status === "active");
  if (active.length === 0) {
    const [last] = found;
    if (!last) return h("p", { class: "hint" }, "Nothing to do: there is no upload session.");
    const words = { complete: "Complete", expired: "Expired" }[last.status] ?? last.status;
    return h("p", { class: "hint" }, `Nothing to do. Last session: ${words}, created ${dateTime(last.createdDateTime)}, `, sent(last), ".");
  }
  return active.map((session) => {
    const left = new Date(session.expirationDateTime) - Date.now();
    return h(
      "p",
      { class: left < 30 * 60_000 ? "due urgent" : "due" },
      h("a", { class: "button", href: `#/${catalogId}/${resourceId}/${session.id}` }, "Upload files"),
      h("span", {}, `${remaining(left)} left · `, sent(session)),
    );
  });
}

const sent = ({ stats }) => `${count(stats.filesUploaded, "file")}, ${bytes(stats.totalBytesUploaded)}`;

/** For the governance team: give an application a name. */
function nameApplication() {
  const fields = {
    displayName: textField({ id: "displayName", label: "Name", required: true, maxlength: 256 }),
    catalogId: textField({ id: "catalogId", label: "Catalog id", hint: "A GUID, from Entra: Identity governance, Catalogs.", required: true }),
    resourceId: textField({ id: "resourceId", label: "Resource id", hint: "A GUID, of the resource in that catalog.", required: true }),
    description: textField({ id: "description", label: "Description (optional)", maxlength: 1024 }),
    contact: textField({ id: "contact", label: "Contact (optional)", hint: "Whom app owners ask, such as a mail address.", maxlength: 256 }),
  };
  const summary = h("div");
  return h(
    "details",
    { class: "panel" },
    h("summary", {}, "Name an application"),
    h(
      "form",
      {
        novalidate: true,
        onsubmit: async (event) => {
          event.preventDefault();
          const value = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value()]));
          const faults = formErrors(summary, fields, {
            displayName: value.displayName ? null : "Enter a name",
            catalogId: GUID.test(value.catalogId) ? null : "Enter the catalog's id, a GUID such as 8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11",
            resourceId: GUID.test(value.resourceId) ? null : "Enter the resource's id, a GUID such as 8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11",
          });
          if (faults) return;
          const { catalogId, resourceId, displayName, description, contact } = value;
          try {
            await putApplication({ catalogId, resourceId }, { displayName, ...(description && { description }), ...(contact && { contact }) });
            location.hash = `#/${catalogId.toLowerCase()}/${resourceId.toLowerCase()}`;
          } catch (error) {
            formErrors(summary, fields, { displayName: error.message });
          }
        },
      },
      summary,
      Object.values(fields).map((field) => field.element),
      h("button", { class: "button" }, "Save the name"),
    ),
  );
}
