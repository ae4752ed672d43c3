// A section that is folded away, and reads what it shows when it is opened.

import { fill, h } from "../dom.js";
import { explain } from "./problem.js";

/** `show(content)` fills it. Where it could not, opening it once more tries again. */
export function panel(title, show) {
  const content = h("div");
  const element = h("details", { class: "panel" }, h("summary", {}, title), content);
  let shown = false;
  element.addEventListener("toggle", async () => {
    if (!element.open || shown) return;
    shown = true;
    fill(content, h("p", { class: "loading", role: "status" }, "Loading…"));
    try {
      await show(content);
    } catch (error) {
      shown = false;
      const { title: words, text } = explain(error);
      fill(content, h("p", { class: "error-text", role: "alert" }, words, ". ", text.join(" ")));
    }
  });
  return element;
}
