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

/** Puts a text into an element, and leaves it alone if it is there already: a change may be read aloud. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes the children of an element those of a list, in its order. A child whose id was there before stays, and with it the
 * focus and what is open in it. `make(item)` makes an element; `update(element, item)` brings one up to date.
 */
export function keep(parent, items, { id, make, update = () => {} }) {
  const before = new Map([...parent.children].map((element) => [element.dataset.id, element]));
  const wanted = items.map((item) => {
    const element = before.get(String(id(item))) ?? make(item);
    element.dataset.id = id(item);
    update(element, item);
    return element;
  });
  const staying = new Set(wanted);
  for (const element of before.values()) if (!staying.has(element)) element.remove();
  wanted.forEach((element, place) => parent.children[place] !== element && parent.insertBefore(element, parent.children[place] ?? null));
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

// Sentences that come within this time are read as one text: a live region that changes again at once may not be read.
const ANNOUNCED_TOGETHER_MILLISECONDS = 250;
let announced = [];

/** Says something to a screen reader without moving the focus. */
export function announce(text) {
  announced.push(text);
  if (announced.length > 1) return;
  setTimeout(() => {
    const region = document.getElementById("announcer");
    const all = announced.join(" ");
    announced = [];
    // The same text twice in a row would not be read the second time.
    region.textContent = region.textContent === all ? `${all}\u00a0` : all;
  }, ANNOUNCED_TOGETHER_MILLISECONDS);
}

/** Moves the focus to a heading or summary that is not a control. */
export function focusOn(element) {
  if (!element) return;
  if (!element.hasAttribute("tabindex")) element.setAttribute("tabindex", "-1");
  element.focus();
}

/** A page's heading; `retitle` makes it the document's title, too. */
export const heading = (text) => h("h1", { tabindex: "-1" }, text);

/** Makes the heading of a view the document's title, if the view is shown. */
export function retitle(view) {
  const text = view.isConnected && view.querySelector("h1")?.textContent;
  if (text) document.title = `${text} - Access data uploads`;
}

/** A definition list of facts: pairs of a term and what stands for it. */
export function facts(pairs) {
  return h(
    "dl",
    { class: "facts" },
    pairs.filter(Boolean).map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))),
  );
}

/** The name of a file, which may be written in either direction, between words. */
export const fileName = (name) => h("bdi", { class: "file-name" }, name);

/** The first of several names with commas between, and how many more there are. */
export function fileNames(names, most = 5) {
  const shown = names.slice(0, most).flatMap((name, place) => [place > 0 && ", ", fileName(name)]);
  return names.length > most ? [...shown, ` and ${names.length - most} more`] : shown;
}

/** A button; `about` is said after its words where it is not seen what it is for. */
export const button = (words, onclick, { kind = "button", about = null, ...others } = {}) =>
  h("button", { class: kind, onclick, ...others }, words, about && h("span", { class: "hidden" }, ` ${about}`));

/** Offers a file to save. */
export function saveAs(name, content, type = "text/csv") {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * Asks a question that has to be answered before anything else; resolves to true if the answer is yes.
 *
 * The focus is on no, unless yes is `harmless`. A key that is held down, perhaps since before the question, answers nothing.
 */
export function confirmation({ title, body, yes, no = "Cancel", danger = false, harmless = false }) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { "aria-labelledby": "dialog-title" },
      h("h2", { id: "dialog-title" }, title),
      body,
      h(
        "form",
        { method: "dialog", class: "actions" },
        h("button", { value: "yes", class: danger ? "button danger" : "button", autofocus: harmless }, yes),
        h("button", { value: "no", class: "button secondary", autofocus: !harmless }, no),
      ),
    );
    dialog.addEventListener("keydown", (event) => event.repeat && ["Enter", " "].includes(event.key) && event.preventDefault());
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
