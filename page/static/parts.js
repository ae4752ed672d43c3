// Parts of the page that are loaded when they are needed, so that the first view does not wait for them.

import { KnownError } from "./errors.js";

const NOT_LOADED = {
  title: "This part of the page could not be loaded",
  text: ["Check your network connection, and try again. If it does not help, load the page again: there may be a newer version."],
  again: true,
};

/** What `load`, an `import()`, resolves to. Throws KnownError. */
export const part = (load) => load().catch(() => Promise.reject(new KnownError(NOT_LOADED)));

/** A function of a part, by its name, which is loaded when the function is called. */
export const later = (load, name) => async (...given) => (await part(load))[name](...given);
