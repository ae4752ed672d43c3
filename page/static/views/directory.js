// The directory, with whose people the accounts in files are matched: how old it is, what it has, and a way to replace it.

import { directory, putDirectory } from "../api.js";
import { now } from "../clock.js";
import { facts, fill, focusOn, h } from "../dom.js";
import { count, dateTime, number, remaining } from "../format.js";
import { chooseOne } from "./choosing.js";
import { panel } from "./panel.js";
import { explain } from "./problem.js";

/** The section for it. */
export const directoryPanel = () => panel("Directory of people", async (content) => show(content, await directory()));

function show(content, known, words = null) {
  fill(
    content,
    words && h("p", { class: "success", role: "status", tabindex: "-1" }, words),
    known ? about(known) : h("p", {}, "There is none. Files must name people by their object ids until you upload one."),
    replacing(content, known),
  );
}

function about({ users, uploadedDateTime, attributes }) {
  return [
    facts([
      ["People", number(users)],
      ["Uploaded", dateTime(uploadedDateTime)],
      ["Age", remaining(now() - new Date(uploadedDateTime))],
    ]),
    h(
      "div",
      { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "What people can be matched by" },
      h(
        "table",
        {},
        h("caption", {}, "What people can be matched by"),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Column"), h("th", { scope: "col", class: "number" }, "People who have it"), h("th", { scope: "col", class: "number" }, "Not theirs alone"))),
        h("tbody", {}, attributes.map(({ name, users: having, shared }) =>
          h("tr", {}, h("th", { scope: "row" }, h("bdi", {}, name)), h("td", { class: "number" }, number(having)), h("td", { class: "number" }, number(shared))),
        )),
      ),
    ),
  ];
}

function replacing(content, known) {
  const problem = h("div");
  const replace = async (file) => {
    fill(problem, h("p", { role: "status" }, "Reading it…"));
    try {
      const stored = await putDirectory(file);
      show(content, stored, `The directory has ${count(stored.users, "person", "people")} now.`);
      focusOn(content.firstElementChild);
    } catch (error) {
      fill(problem, h("div", { class: "error-summary", role: "alert" }, faults(error)));
    }
  };
  return [
    h("p", { class: "hint" }, "In the Entra portal: Users, Download users. Upload that file as it is. Names and addresses are not kept, only what is needed to compare with them."),
    problem,
    h("div", { class: "actions" }, chooseOne(known ? "Replace it by another export" : "Upload an export of your users", null, replace)),
  ];
}

/** What is wrong with a list, by its lines, as far as the service says it. */
export function faults(error) {
  if (error.status !== 400 || !error.details?.length) {
    const { title, text } = explain(error);
    return [h("h3", {}, title), text.map((line) => h("p", {}, line))];
  }
  const most = 5;
  return [
    h("h3", {}, "This list has faults. Nothing was changed"),
    h("ul", {}, error.details.slice(0, most).map(({ target, message }) => h("li", {}, target && `${target}: `, message))),
    error.details.length > most && h("p", {}, `And ${number(error.details.length - most)} more.`),
  ];
}
