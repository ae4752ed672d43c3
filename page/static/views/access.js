// Who has access to an application: the people and groups with a role, and a form to give one.

import { deleteGrant, grants, putGrant } from "../api.js";
import { announce, confirmation, fill, h } from "../dom.js";
import { idIn, takeIds } from "../ids.js";
import { complain, formErrors, formFailure, selectField, textField } from "./forms.js";

const ROLES = { owner: "owner", declaring: "owner, who also says what the files are like", reader: "reader" };

/** Shows it in an element. */
export async function showAccess(content, key) {
  const { value } = await grants(key.catalogId);
  const own = value.filter((grant) => grant.resourceId === null || grant.resourceId === key.resourceId);
  const again = async (words) => {
    announce(words);
    try {
      await showAccess(content, key);
    } catch {
      // What was done is done, whether or not the list can be read again.
      fill(content, h("p", { class: "note", role: "alert" }, `${words} The list could not be read again: load the page again.`));
    }
  };
  fill(
    content,
    own.length === 0 ? h("p", { class: "empty" }, "Only people with a permission for the whole tenant.") : table(own, again),
    giving(key, () => again("Access was given.")),
  );
}

function table(own, again) {
  return h(
    "table",
    { class: "access" },
    h("caption", { class: "hidden" }, "Who has access"),
    h("thead", {}, h("tr", {}, ["Who", "Role", "For", "Change"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, own.map((grant) => row(grant, again))),
  );
}

function row(grant, again) {
  const problem = h("div");
  const revoke = async () => {
    const who = grant.displayName ?? grant.principalId;
    if (!(await confirmation({ title: "Revoke this access?", body: h("p", {}, h("bdi", {}, who), `, ${ROLES[grant.role] ?? "with a role"}.`), yes: "Revoke", danger: true }))) return;
    try {
      await deleteGrant(grant);
    } catch (error) {
      complain(problem, error.status === 404 ? "It was revoked already. Load the page again." : "It was not revoked. Try again.");
      return;
    }
    await again("Access was revoked.");
  };
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, grant.displayName && [h("bdi", {}, grant.displayName), " "], h("code", { class: "id" }, grant.principalId)),
    h("td", {}, ROLES[grant.mayDeclare ? "declaring" : grant.role] ?? "a role"),
    h("td", {}, grant.resourceId ? "this application" : "the whole catalog"),
    h("td", {}, h("button", { class: "link", onclick: revoke }, "Revoke", h("span", { class: "hidden" }, ` ${grant.displayName ?? ""} ${grant.principalId}`)), problem),
  );
}

function giving(key, given) {
  const fields = {
    principalId: textField({
      id: "principalId",
      label: "Object id of a user, group or service principal",
      hint: "Paste the address of the person or group in the Entra portal, or the id.",
      required: true,
    }),
    displayName: textField({ id: "grant-name", label: "Name (optional)", hint: "What you call this person or group. It is shown here and in the history.", maxlength: 256 }),
    role: selectField({
      id: "role",
      label: "Role",
      options: [
        ["owner", "Owner: may upload and finish"],
        ["declaring", "Owner, and may say which columns the files have"],
        ["reader", "Reader: may look"],
      ],
    }),
  };
  const { principalId, displayName, role } = fields;
  takeIds({ principalId }, { principalId: "(user|group|object|principal)s?(id)?" });
  const summary = h("div");
  const give = async (event) => {
    event.preventDefault();
    const missing = idIn(principalId) ? null : "Enter the object id, or paste the address of the person or group in the Entra portal";
    if (formErrors(summary, fields, { principalId: missing })) return;
    const declaring = role.value() === "declaring";
    const grant = { role: declaring ? "owner" : role.value(), mayDeclare: declaring, displayName: displayName.value() || null };
    try {
      await putGrant(key, idIn(principalId), grant);
    } catch (error) {
      formFailure(summary, fields, error);
      return;
    }
    await given();
  };
  return h(
    "form",
    { novalidate: true, onsubmit: give },
    h("h3", {}, "Give access to this application"),
    summary,
    Object.values(fields).map((field) => field.element),
    h("button", { class: "button" }, "Give access"),
  );
}
