// For a file whose header is not known: which of its columns stands for which of the service's, tried with its first rows,
// and kept for the next time.

import { putImport, tryFile } from "../api.js";
import { fill, focusOn, h } from "../dom.js";
import { count } from "../format.js";
import { textField } from "./forms.js";
import { explain } from "./problem.js";

// The service looks at the first rows only, and the file may be large.
const TRIED_BYTES = 256 * 1024;

const MOST_MESSAGES = 5;

const CONSTANT = "constant";

// Several files may be refused at once: each has a form, whose fields need ids of their own.
let lastField = 0;

const WORDS = {
  principalId: "Whose account it is",
  principalType: "What kind of account it is, such as user or group",
  permissionId: "Id of the permission",
  permissionName: "Name of the permission",
  permissionDescription: "Description of the permission",
  permissionType: "Type of the permission",
  ScopeId: "Id of where it holds",
  ScopeDisplayName: "Name of where it holds",
  EntitlementOwners_Users: "Owners of the permission: people",
  EntitlementOwners_Groups: "Owners of the permission: groups",
  CustomData: "Anything else",
};

/**
 * The form for a refused file. Null if its columns are not what is wrong with it.
 *
 * `error` is what the service said, `layouts` those of the page's configuration, `application` what is known of it;
 * `again()` uploads the file once more.
 */
export function columnsForm({ key, file, error, application, layouts, again }) {
  const { columns } = error.inner;
  if (!columns?.length) return null;
  // The one with every column that the service can take from a file.
  const wanted = layouts.find(({ name }) => name === "extended").columns;
  const fields = wanted.map((column) => columnField(column, columns, application.import ?? null));
  const declared = () => declaration(fields, columns, application.import);
  const result = h("div");
  const look = async (event) => {
    event.preventDefault();
    const missing = fields.filter((field) => field.missing());
    if (missing.length) {
      show(result, h("div", { class: "error-summary", role: "alert", tabindex: "-1" }, h("p", {}, "Say where these come from: ", missing.map(({ label }) => label).join(", "), ".")));
      return;
    }
    fill(result, h("p", { role: "status" }, "Reading the first rows…"));
    show(result, await tried({ key, file, declared: declared(), application, again }));
  };
  return h(
    "section",
    { class: "panel mapping" },
    h("h4", { class: "calm" }, "Which columns are these?"),
    h("p", {}, "The names of the columns are not those that the service knows. Say once what is what; the next file is read in the same way."),
    h("form", { novalidate: true, onsubmit: look }, needed(fields), h("button", { class: "button" }, "Look at the first rows")),
    result,
  );
}

/** What is needed, and folded away what is not; open if something of it is known. */
const needed = (fields) => [
  fields.filter((field) => field.required).map(({ element }) => element),
  h(
    "details",
    { open: fields.some((field) => !field.required && field.column()) },
    h("summary", {}, "More that a file can have"),
    fields.filter((field) => !field.required).map(({ element }) => element),
  ),
];

function show(result, content) {
  fill(result, content);
  focusOn(result.firstElementChild);
}

const plain = (name) => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

/** A column that the service needs or can take: a column of the file, nothing, or a value that all rows have. */
function columnField({ name, required }, columns, before) {
  lastField += 1;
  const id = `column-${lastField}`;
  const chosen = before?.columns[name] ?? name;
  const same = columns.findIndex((each) => plain(each) === plain(chosen));
  const constant = before?.constants[name] ?? null;
  const value = textField({ id: `${id}-value`, label: `The value of all rows: ${name}`, value: constant ?? "" });
  const select = h(
    "select",
    { id },
    h("option", { value: "" }, required ? "Choose a column" : "Not in the file"),
    columns.map((each, index) => h("option", { value: String(index) }, each)),
    h("option", { value: CONSTANT }, "The same value in all rows"),
  );
  select.value = constant !== null ? CONSTANT : same >= 0 ? String(same) : "";
  const changed = () => {
    value.element.hidden = select.value !== CONSTANT;
  };
  select.addEventListener("change", changed);
  changed();
  return {
    name,
    required,
    label: WORDS[name] ?? name,
    element: h("div", { class: "field" }, h("label", { for: id }, WORDS[name] ?? name, " ", h("code", {}, name), required && " (needed)"), select, value.element),
    column: () => (select.value === "" || select.value === CONSTANT ? null : columns[Number(select.value)]),
    constant: () => (select.value === CONSTANT ? value.value() : null),
    missing: () => required && (select.value === "" || (select.value === CONSTANT && !value.value())),
  };
}

/** What the fields say, as the service takes it. How accounts are matched, and the encoding, stay as they were. */
function declaration(fields, columns, before) {
  const of = (value) => Object.fromEntries(fields.map((field) => [field.name, field[value]()]).filter(([, text]) => text));
  const used = new Set(Object.values(of("column")));
  return {
    columns: of("column"),
    constants: of("constant"),
    ignoreOtherColumns: columns.some((each) => !used.has(each)),
    encoding: before?.encoding ?? null,
    principals: before?.principals ?? null,
  };
}

/** What comes of the first rows, and what to do with that. */
async function tried({ key, file, declared, application, again }) {
  let answer;
  try {
    answer = await tryFile(key, await firstLines(file), file.name, declared);
  } catch (error) {
    if (error.reason !== "invalidFile") return failure(error);
    return h("div", { class: "note", tabindex: "-1" }, h("p", {}, "With these columns, the first rows have faults:"), messages(error), keeping({ key, declared, application, again }));
  }
  const shown = Object.keys(answer.firstRows[0] ?? {}).filter((name) => answer.firstRows.some((row) => row[name]));
  return h(
    "div",
    { tabindex: "-1" },
    h(
      "div",
      { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "The first rows" },
      h(
        "table",
        {},
        h("caption", {}, `The first ${count(answer.firstRows.length, "row")} as they come out`),
        h("thead", {}, h("tr", {}, shown.map((name) => h("th", { scope: "col" }, (WORDS[name] ?? name).split(",")[0])))),
        h("tbody", {}, answer.firstRows.map((row) => h("tr", {}, shown.map((name) => h("td", { dir: "auto" }, row[name]))))),
      ),
    ),
    keeping({ key, declared, application, again }),
  );
}

const messages = ({ details }) => h("ul", {}, details.slice(0, MOST_MESSAGES).map(({ target, message }) => h("li", {}, target && `${target}: `, message)));

const failure = (error) => h("div", { class: "error-summary", role: "alert", tabindex: "-1" }, h("p", {}, explain(error).title, ". ", explain(error).text.join(" ")));

/** A button that keeps it and uploads the file again, or for those who may not what to send to those who may. */
function keeping({ key, declared, application, again }) {
  if ((application["@uploads.right"] ?? "declare") !== "declare") return sending(declared);
  const problem = h("div");
  const keep = async () => {
    try {
      await putImport(key, declared);
      await again();
    } catch (error) {
      fill(problem, failure(error));
    }
  };
  return [problem, h("div", { class: "actions" }, h("button", { class: "button", onclick: keep }, "Keep these columns, and upload the file"))];
}

function sending({ columns, constants }) {
  const lines = [
    ...Object.entries(columns).map(([name, column]) => `${name}: the column ${column}`),
    ...Object.entries(constants).map(([name, value]) => `${name}: always ${value}`),
  ];
  return [h("p", {}, "Only the governance team can keep this for your application. Send them these lines, and upload the file again when they have:"), h("pre", {}, lines.join("\n"))];
}

/** The beginning of a file, up to the end of a line. */
async function firstLines(file) {
  if (file.size <= TRIED_BYTES) return file;
  const bytes = new Uint8Array(await file.slice(0, TRIED_BYTES).arrayBuffer());
  // In UTF-16 with the smaller byte first, a line ends with one byte more.
  const end = bytes.lastIndexOf(0x0a) + (bytes[0] === 0xff && bytes[1] === 0xfe ? 2 : 1);
  return file.slice(0, end);
}
