// The column layouts that the service takes, each with a template to fill in.

import { excelText } from "../csv.js";
import { h, saveAs } from "../dom.js";

const WORDS = {
  graph: "Standard: one row for each permission of a principal",
  extended: "Extended: with scopes, owners and custom data",
  early: "Early: with resources and their owners",
};

export function templates(layouts, expected) {
  const ordered = [...layouts].sort((one, other) => (other.name === expected) - (one.name === expected));
  return h(
    "details",
    { class: "templates" },
    h("summary", {}, "What a file must look like, and templates"),
    h("p", {}, "A header row, comma-separated, saved as CSV UTF-8. In Excel: File, Save as, CSV UTF-8 (Comma delimited). The columns may come in any order."),
    ordered.map((layout) =>
      h(
        "section",
        {},
        h("h3", {}, WORDS[layout.name] ?? layout.name, layout.name === expected && " (expected for this application)"),
        h(
          "p",
          {},
          layout.columns.map(({ name, required }, index) => [index > 0 && ", ", required ? h("strong", {}, name) : name]),
          h("span", { class: "hint" }, " (bold: must be filled in)"),
        ),
        h(
          "button",
          { class: "button secondary", onclick: () => saveAs(`template-${layout.name}.csv`, excelText([layout.columns.map(({ name }) => name)])) },
          "Save this template",
          h("span", { class: "hidden" }, `: ${layout.name}`),
        ),
      ),
    ),
  );
}
