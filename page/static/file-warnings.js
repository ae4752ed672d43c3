// What to look at in an accepted file before it is sealed: what the service warned of, in this visit or by what is seen.

import { count, number } from "./format.js";
import { withoutSettings } from "./words.js";

// It says how the file was read, and nothing to decide.
const FOR_INFORMATION = new Set(["converted"]);

/**
 * Sentences about a file of a session; none if the service has not warned of it.
 *
 * The service tells its warnings once, with the upload. Later there is only their number: what can be seen of the file and
 * the others then says what they are, and the rest are counted.
 */
export function warningsOf(file, { warnings, files, application }) {
  const known = warnings.get(file.id);
  if (known) return known.filter(({ code }) => !FOR_INFORMATION.has(code)).map(sentence);
  const told = (file["@uploads.warningCount"] ?? 0) - (wasConverted(file) ? 1 : 0);
  if (told <= 0) return [];
  const seen = whatIsSeen(file, { files, application });
  const others = told - seen.length;
  return others > 0 ? [...seen, `${count(others, seen.length ? "more warning" : "warning")}. To read them, choose the same file again.`] : seen;
}

/** Whether one of its warnings is that it was converted: its rows were made by these steps. */
const wasConverted = (file) => file["@uploads.rows"]?.steps.some((step) => ["decode", "separate"].includes(step)) ?? false;

const sentence = ({ target, message }) => (target === "line 1" ? "" : `${target[0].toUpperCase()}${target.slice(1)}: `) + withoutSettings(message);

function whatIsSeen(file, { files, application }) {
  const rows = file["@uploads.rowCount"];
  const { expectedRows, expectedLayout } = application;
  const others = files.filter((each) => each.id !== file.id);
  const same = others.find((each) => each["@uploads.sha256"] === file["@uploads.sha256"]);
  return [
    rows === 0 && "It has no rows, so it says that nobody has access. Is this intended?",
    rows > 0 && expectedRows && (rows * 2 < expectedRows || rows > expectedRows * 2) &&
      `${number(rows)} rows; about ${number(expectedRows)} are expected. Is it complete?`,
    expectedLayout && file["@uploads.layout"] !== expectedLayout && "It has other columns than are expected for this application.",
    same && `It has the same content as ${same.name}: its rows count twice. Remove one of the two.`,
  ].filter(Boolean);
}
