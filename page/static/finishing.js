// What is still open before a session is sealed: what stands in the way, and what to look at. Nothing here decides; the
// service has the last word.

import { count, number } from "./format.js";
import { warningsOf } from "./file-warnings.js";

/** The rows of files; null where the service does not tell them. */
export function rowsOf(files) {
  const rows = files.map((file) => file["@uploads.rowCount"]);
  return rows.some((each) => each === undefined) ? null : rows.reduce((sum, each) => sum + each, 0);
}

/** What stands in the way, each with the names of its files and what to do; empty if nothing does. */
export function obstacles({ queue, files, remembered }) {
  const named = (...states) => queue.uploads.filter((each) => states.includes(each.state)).map((each) => each.name);
  const faulty = [...remembered.map(({ name }) => name), ...named("refused")];
  const taken = named("taken");
  const failed = named("failed");
  return [
    queue.underWay && { words: "Wait until all uploads have ended." },
    faulty.length && { words: `${count(faulty.length, "file needs", "files need")} fixing:`, names: faulty, advice: "Upload the fixed file, or withdraw it." },
    taken.length && { words: `${count(taken.length, "file is", "files are")} here with other content:`, names: taken, advice: "Say which one counts." },
    failed.length && { words: `${count(failed.length, "file was", "files were")} not uploaded:`, names: failed, advice: "Try again, or dismiss it." },
    !files.length && !queue.uploads.length && !faulty.length && { words: "Upload a file first." },
    !files.length && (queue.uploads.length > 0 || faulty.length > 0) && { words: "No file has been accepted yet." },
  ].filter(Boolean);
}

/** What to look at before sealing: sentences, each perhaps about a file, or followed by the names of some. */
export function doubts(state) {
  const { files, previous, queue } = state;
  const warned = files.map((file) => ({ name: file.name, sentences: warningsOf(file, state) })).filter(({ sentences }) => sentences.length);
  const cancelled = queue.uploads.filter((each) => each.state === "cancelled").map((each) => each.name);
  const here = new Set(files.map(({ name }) => name));
  const missing = (previous ? sealedFiles(previous) : []).map(({ name }) => name).filter((name) => !here.has(name));
  const some = (sentences) => sentences.slice(0, 2).join(" ") + (sentences.length > 2 ? ` And ${count(sentences.length - 2, "more warning")}.` : "");
  return [
    ...warned.map(({ name, sentences }) => ({ about: name, words: some(sentences) })),
    shrunk(state),
    missing.length && { words: "There was last time, and is not now:", names: missing },
    cancelled.length && { words: "Cancelled, and not part of it:", names: cancelled },
    previous === undefined && { words: "The last upload could not be read, so nothing was compared with it." },
  ].filter(Boolean);
}

/** The files that a session was completed with: the receipt has them when the retention has removed them. */
export const sealedFiles = (session) => session["@uploads.receipt"]?.files ?? session.files ?? [];

/** Whether what a session was completed with is not known: its files were removed before receipts were kept. */
export function isForgotten(session) {
  const { filesRemovedDateTime, files, fileCount } = session["@uploads.receipt"] ?? {};
  return Boolean(filesRemovedDateTime) && !files && (fileCount ?? null) === null;
}

/** The rows that a session was completed with; null if they are not known. */
export const sealedRows = (session) => (isForgotten(session) ? null : (session["@uploads.receipt"]?.rowCount ?? rowsOf(sealedFiles(session))));

/** The rows of the last complete session; null if there is none, or they are not known. */
export const rowsBefore = ({ previous }) => (previous ? sealedRows(previous) : null);

function shrunk(state) {
  const now = rowsOf(state.files);
  const before = rowsBefore(state);
  if (now === null || !before || now >= before) return null;
  const percent = Math.round(((before - now) * 100) / before);
  return percent < 10 ? null : { words: `${number(now)} rows, and last time it was ${number(before)}: ${percent} % fewer.` };
}
