// What stands in the way, in words for people, each with a next step.

import { NetworkError } from "../api.js";
import { h, heading } from "../dom.js";

/** A page of its own for a problem. `retry` is offered where trying again can help. */
export function problem({ error = null, notFound = false, retry = null }) {
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
      h("a", { href: "#/", class: "button secondary" }, "Go to my applications"),
    ),
    error?.inner?.["request-id"] && h("p", { class: "hint" }, "Request id, for support: ", h("code", {}, error.inner["request-id"])),
  );
}

const NOT_FOUND = {
  title: "There is no such page",
  text: ["The address may be incomplete. If it came by mail, copy all of it, or start from your applications."],
};

/** The title, the sentences and whether trying again can help, for an error of the API. */
export function explain(error) {
  if (error?.words) return error.words;
  if (error instanceof NetworkError) {
    return {
      title: "The service cannot be reached",
      text: ["Check your network connection. What was accepted before is safe."],
      again: true,
    };
  }
  switch (error?.status) {
    case 401:
      return { title: "You are not signed in", text: ["Sign in and try again."], again: true };
    case 403:
      return {
        title: "You may look at this, but not change it",
        text: [error.message, "Ask the governance team to make you an owner of this application."],
      };
    case 404:
      return {
        title: "There is nothing here that you can see",
        text: [
          "The upload session may have been deleted, or you have no access to its application.",
          "Ask the person who sent you the link, or the governance team, to check both.",
        ],
      };
    case 429:
    case 503:
      return {
        title: "The service is busy",
        text: ["Nothing is lost or half done. Wait a moment and try again."],
        again: true,
      };
    default:
      return {
        title: "Something went wrong",
        text: [error?.message ?? "This page met something that it does not know.", "If it happens again, tell the governance team."],
        again: true,
      };
  }
}
