// What stands in the way, in words for people, each with a next step. The words are the page's: those of the API name
// headers and settings.

import { NetworkError } from "../errors.js";
import { h, heading } from "../dom.js";
import { HOME } from "../places.js";

/** A page of its own for a problem. `retry` is offered where trying again can help; `home` is the way out. */
export function problem({ error = null, notFound = false, retry = null, home = true }) {
  const { title, text, again } = notFound ? NOT_FOUND : explain(error);
  return h(
    "section",
    {},
    heading(title),
    text.map((line) => h("p", {}, line)),
    h(
      "div",
      { class: "actions" },
      again && retry && h("button", { class: "button", onclick: retry }, "Try again"),
      home && h("a", { href: HOME, class: "button secondary" }, "Go to my applications"),
    ),
    reference(error),
  );
}

/** What support needs to find the request in the service's log; null where there is none. */
export const reference = (error) =>
  error?.inner?.["request-id"] ? h("p", { class: "reference" }, "Reference for support: ", h("code", {}, error.inner["request-id"])) : null;

const NOT_FOUND = {
  title: "There is no such page",
  text: ["The address may be incomplete. If it came by mail, copy all of it, or start from your applications."],
};

const OFFLINE = {
  title: "The service cannot be reached",
  text: ["Check your network connection. What was accepted before is safe."],
  again: true,
};

const BUSY = { title: "The service is busy", text: ["Nothing is lost or half done. Wait a moment and try again."], again: true };

const UNKNOWN = {
  title: "Something went wrong",
  text: ["The service could not do this. What was accepted before is safe. Try again; if it happens again, tell the governance team."],
  again: true,
};

// By the exact reason that the service gives.
const REASONS = {
  uploadSessionFailed: {
    title: "This upload has ended",
    text: ["It was finished, or it has expired, and takes no more changes. Load the page again to see it."],
  },
  uploadSessionIncomplete: {
    title: "Something is still open",
    text: ["A file needs fixing, or there is no file yet. Somebody else may have uploaded it just now: look at the list."],
  },
  entityTagDoesNotMatch: {
    title: "Somebody else changed this at the same time",
    text: ["Nothing was done. Look at what is here now, and try again."],
  },
  nameAlreadyExists: { title: "There is one already", text: ["Somebody else was faster. Look at what is here now."] },
  maxFileSizeExceeded: { title: "The file is too large", text: ["Split it into several files, each with the header row."] },
  maxItemCountExceeded: {
    title: "There are as many as there can be",
    text: ["Put more rows into fewer files, or remove what is not needed."],
  },
  requestTimeout: { title: "The connection was too slow", text: ["Nothing was stored. Try again, perhaps with a smaller file."], again: true },
};

const STATUSES = {
  401: { title: "You are not signed in", text: ["Sign in and try again."], again: true },
  403: {
    title: "You may look at this, but not change it",
    text: ["Ask the governance team to make you an owner of this application."],
  },
  404: {
    title: "There is nothing here that you can see",
    text: [
      "The upload may have been deleted, or you have no access to its application.",
      "Ask the person who sent you the link, or the governance team, to check both.",
    ],
  },
  429: BUSY,
  503: BUSY,
};

/** The title, the sentences and whether trying again can help, for an error of the API. */
export function explain(error) {
  if (error?.words) return error.words;
  if (error instanceof NetworkError) return OFFLINE;
  return REASONS[error?.reason] ?? STATUSES[error?.status] ?? UNKNOWN;
}
