// Builds elements. Whatever comes from a file or a person becomes a text node, never markup.

/** An element with properties, listeners (`on...`), attributes and children. A child that is null or false is left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

/** Replaces what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Says something to a screen reader without moving the focus. */
export function announce(text) {
  const region = document.getElementById("announcer");
  // The same sentence twice in a row would not be read the second time.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

/** Moves the focus to a heading or summary that is not a control. */
export function focusOn(element) {
  if (!element) return;
  if (!element.hasAttribute("tabindex")) element.setAttribute("tabindex", "-1");
  element.focus();
}

/** A page's heading, which is also the document's title. */
export function heading(text) {
  document.title = `${text} - Access data uploads`;
  return h("h1", { tabindex: "-1" }, text);
}

/** A definition list of facts: pairs of a term and what stands for it. */
export function facts(pairs) {
  return h(
    "dl",
    { class: "facts" },
    pairs.filter(Boolean).map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))),
  );
}

/** Offers text as a file to save. */
export function saveAs(name, text, type = "text/csv;charset=utf-8") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Asks a question that has to be answered before anything else; resolves to true if the answer is yes. */
export function confirmation({ title, body, yes, no = "Cancel", danger = false }) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { "aria-labelledby": "dialog-title" },
      h("h2", { id: "dialog-title" }, title),
      body,
      h(
        "form",
        { method: "dialog", class: "actions" },
        h("button", { value: "yes", class: danger ? "button danger" : "button" }, yes),
        h("button", { value: "no", class: "button secondary" }, no),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
