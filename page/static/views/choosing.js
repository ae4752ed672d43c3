// How files come in: one button that is also a place to drop them, and buttons for a single file.

import { button, h } from "../dom.js";
import { count } from "../format.js";
import { largestFile, limitInWords } from "../host.js";

const ACCEPTED = ".csv,text/csv";

/** The drop zone. `add` gets the files; `folders` is told that folders were dropped. The whole page takes drops until `signal`. */
export function dropZone(limits, { add, folders, signal }) {
  const input = h("input", { type: "file", multiple: true, id: "files", class: "hidden", accept: ACCEPTED, "aria-describedby": "files-hint" });
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = "";
  });
  const zone = h(
    "div",
    { class: "drop-zone" },
    input,
    h("label", { for: "files", class: "button" }, "Choose files"),
    h("p", { class: "drop-words" }, "or drop them anywhere on this page"),
    h("p", { id: "files-hint", class: "hint" }, `CSV, up to ${limitInWords(largestFile(limits))} each, ${count(limits.maxFiles, "file")} at most`),
  );
  takeDrops(zone, { add, folders, signal });
  return zone;
}

function takeDrops(zone, { add, folders, signal }) {
  const brings = (event) => event.dataTransfer?.types.includes("Files");
  const over = (event) => {
    if (!brings(event)) return;
    // Without this the browser opens the file in the place of the page.
    event.preventDefault();
    zone.classList.add("over");
  };
  const left = (event) => event.relatedTarget === null && zone.classList.remove("over");
  const drop = (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    zone.classList.remove("over");
    // Asking a dialog's question comes first.
    if (document.querySelector("dialog[open]")) return;
    const items = [...event.dataTransfer.items];
    const found = items.filter((item) => item.webkitGetAsEntry?.()?.isDirectory);
    const files = items.filter((item) => item.kind === "file" && !found.includes(item)).map((item) => item.getAsFile());
    if (found.length) folders(found.map((item) => item.webkitGetAsEntry().name));
    if (files.length) add(files);
  };
  for (const [type, listener] of [["dragenter", over], ["dragover", over], ["dragleave", left], ["drop", drop]]) {
    document.addEventListener(type, listener, { signal });
  }
}

/** A button to choose one file; `about` says what it is for where that is not seen. */
export function chooseOne(words, about, chosen) {
  return button(
    words,
    () => {
      const chooser = h("input", { type: "file", accept: ACCEPTED });
      chooser.addEventListener("change", () => chooser.files[0] && chosen(chooser.files[0]));
      chooser.click();
    },
    { about },
  );
}
