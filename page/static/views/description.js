// What people call an application, and what is expected of its files: the forms of the governance team.

import { putApplication } from "../api.js";
import { fill, h } from "../dom.js";
import { idIn, takeIds } from "../ids.js";
import { applicationPlace } from "../places.js";
import { formErrors, formFailure, selectField, textField } from "./forms.js";

/** A form that gives an application its first name, and goes there. */
export function nameApplication() {
  const pasted = "Paste the address of the resource in the Entra portal: both ids are taken out of it.";
  const fields = {
    displayName: textField({ id: "displayName", label: "Name", required: true, maxlength: 256 }),
    catalogId: textField({ id: "catalogId", label: "Catalog id", hint: `From Entra: Identity governance, Catalogs. ${pasted}`, required: true }),
    resourceId: textField({ id: "resourceId", label: "Resource id", hint: "Of the resource in that catalog.", required: true }),
    description: textField({ id: "description", label: "Description (optional)", maxlength: 1024 }),
    contact: textField({ id: "contact", label: "Contact (optional)", hint: "Whom app owners ask, such as a mail address.", maxlength: 256 }),
  };
  const { catalogId, resourceId, displayName, description, contact } = fields;
  takeIds({ catalogId, resourceId }, { catalogId: "catalog(id)?", resourceId: "resource(id)?" });
  const save = async (summary) => {
    const key = { catalogId: idIn(catalogId), resourceId: idIn(resourceId) };
    const properties = { displayName: displayName.value(), description: description.value(), contact: contact.value() };
    await putApplication(key, filled(properties));
    // Who has gone elsewhere meanwhile stays there.
    if (summary.isConnected) location.hash = applicationPlace(key);
  };
  const faults = () => ({
    displayName: displayName.value() ? null : "Enter a name",
    catalogId: idIn(catalogId) ? null : "Enter the catalog's id, or paste the address of the resource in the Entra portal",
    resourceId: idIn(resourceId) ? null : "Enter the resource's id, or paste the address of the resource in the Entra portal",
  });
  return form("Name an application", "Save the name", fields, faults, save);
}

/** A form that changes what is known of an application. `saved(application)` gets what is stored. */
export function editApplication(key, application, config, saved) {
  const text = (name, id, label, maxlength, required = false) => textField({ id, label, maxlength, required, value: application[name] ?? "" });
  const fields = {
    displayName: text("displayName", "edit-name", "Name", 256, true),
    description: text("description", "edit-description", "Description (optional)", 1024),
    contact: text("contact", "edit-contact", "Contact (optional)", 256),
    expectedLayout: selectField({
      id: "edit-layout",
      label: "Expected columns (optional)",
      options: [["", "Any"], ...config.layouts.map(({ name }) => [name, LAYOUTS[name] ?? name])],
      value: application.expectedLayout ?? "",
    }),
    expectedRows: textField({ id: "edit-rows", label: "Expected number of rows (optional)", hint: "A file that is far off gets a warning.", value: String(application.expectedRows ?? "") }),
  };
  const save = async (summary) => {
    const value = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value()]));
    // The form does not show where it is handed on to, and what is not sent is removed.
    const properties = filled({ ...value, expectedRows: Number(value.expectedRows), upstream: application.upstream });
    saved(await putApplication(key, properties));
    fill(summary, h("p", { class: "success", role: "status" }, "Saved."));
  };
  const faults = () => ({
    displayName: fields.displayName.value() ? null : "Enter a name",
    expectedRows: /^\d{0,9}$/.test(fields.expectedRows.value()) ? null : "Enter a whole number",
  });
  return form(application.displayName ? "Change its name and expectations" : "Name this application", "Save", fields, faults, save);
}

const LAYOUTS = { graph: "The standard ones", extended: "With scopes, owners and custom data", early: "With resources and their owners" };

/** What has a value: the service removes what is not sent. */
const filled = (properties) => Object.fromEntries(Object.entries(properties).filter(([, value]) => value));

function form(title, words, fields, faults, save) {
  const summary = h("div");
  const submit = async (event) => {
    event.preventDefault();
    if (formErrors(summary, fields, faults())) return;
    try {
      await save(summary);
    } catch (error) {
      formFailure(summary, fields, error);
    }
  };
  return h(
    "details",
    { class: "panel" },
    h("summary", {}, title),
    h("form", { novalidate: true, onsubmit: submit }, summary, Object.values(fields).map((field) => field.element), h("button", { class: "button" }, words)),
  );
}
