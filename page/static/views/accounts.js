// Accounts that nobody in the directory has: a list to fill in and upload, and an application's own list of them.

import { accounts, putAccounts, unmatched } from "../api.js";
import { announce, fill, focusOn, h, saveAs } from "../dom.js";
import { count } from "../format.js";
import { accountsIn, listOf, textOf } from "../lists.js";
import { chooseOne } from "./choosing.js";
import { faults } from "./directory.js";
import { complain } from "./forms.js";
import { panel } from "./panel.js";
import { explain } from "./problem.js";

const HOW = "Enter for each account the object id or the sign-in name of its person, or a hyphen (-) for an account that is no person's.";

/**
 * For a refused file whose accounts are not known: a list of them to fill in. Null for any other refusal.
 *
 * `error` is what the service said, `application` what is known of it, `again()` uploads the file once more.
 */
export function unmatchedAccounts({ key, error, application, again }) {
  // The service names the refusal where it has such a list.
  const { refusalId } = error.inner;
  if (!refusalId) return null;
  const problem = h("div");
  const save = async () => {
    try {
      saveAs("accounts.csv", `\ufeff${await unmatched(key, refusalId)}`);
      complain(problem, null);
    } catch (failure) {
      complain(problem, `${explain(failure).title}. Try again.`);
    }
  };
  return h(
    "section",
    { class: "panel" },
    h("h4", { class: "calm" }, "Some accounts are not those of a person whom the service knows"),
    h("p", {}, "Save the list of them. ", HOW),
    h("div", { class: "actions" }, h("button", { class: "button secondary", onclick: save }, "Save the list of accounts")),
    problem,
    mayDeclare(application)
      ? adding(key, { added: again, words: "Upload the list, filled in. Then the file is checked again." })
      : h("p", {}, "Send the list, filled in, to the governance team. Then upload the file again."),
  );
}

/** Whether the caller may say what files are like; where that is not known, the service says it. */
const mayDeclare = (application) => (application["@uploads.right"] ?? "declare") === "declare";

/** The application's own list, for those who may change it. */
export const accountsPanel = (key) => panel("Accounts that the directory does not know", (content) => showList(content, key));

async function showList(content, key, words = null) {
  const { text } = await accounts(key);
  const number = text ? accountsIn(text).found.size : 0;
  fill(
    content,
    words && h("p", { class: "success", role: "status", tabindex: "-1" }, words),
    h("p", {}, number ? `The list of this application has ${count(number, "account")}.` : "This application has no list yet.", " What it says wins over the directory."),
    number > 0 && h("div", { class: "actions" }, h("button", { class: "button secondary", onclick: () => saveAs("accounts.csv", `\ufeff${text}`) }, "Save the list")),
    adding(key, {
      words: `Add accounts from a file with the columns account and principalId. ${HOW}`,
      added: async (added) => {
        await showList(content, key, added);
        focusOn(content.firstElementChild);
      },
    }),
  );
}

/** A button that adds the accounts of a file to the application's list, in place of the same ones. */
function adding(key, { words, added }) {
  const problem = h("div");
  const take = async (file) => {
    let told = null;
    try {
      told = await add(key, await read(file));
      fill(problem);
    } catch (error) {
      fill(problem, h("div", { class: "error-summary", role: "alert" }, error instanceof NoList ? h("p", {}, error.message) : faults(error)));
    }
    if (told === null) return;
    announce(told);
    await added(told);
  };
  return [h("p", { class: "hint" }, words), problem, h("div", { class: "actions" }, chooseOne("Upload the list, filled in", null, take))];
}

class NoList extends Error {}

async function read(file) {
  try {
    return await textOf(file);
  } catch (error) {
    if (error instanceof TypeError) throw new NoList("The list is not in UTF-8. Save it as CSV UTF-8, and upload that.");
    throw error;
  }
}

async function add(key, text) {
  const given = accountsIn(text);
  if (!given) throw new NoList("This is no list of accounts. Its first line must have the columns account and principalId, and a quote in a cell is written twice.");
  if (!given.found.size) throw new NoList("No account in this list has a person yet. Fill in the second column.");
  const { text: before, etag } = await accounts(key);
  const present = before ? accountsIn(before).found : new Map();
  await putAccounts(key, listOf([...new Map([...present, ...given.found])]), etag);
  const left = given.empty ? ` ${count(given.empty, "account")} in the file still ${given.empty === 1 ? "has" : "have"} no person.` : "";
  return `${count(given.found.size, "account")} added.${left}`;
}
