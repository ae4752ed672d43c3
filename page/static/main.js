// Starts the page: configuration, sign-in, and which view an address shows.

import { config } from "./api.js";
import { signInAgain, signedInName, start } from "./auth.js";
import { confirmation, fill, focusOn, h } from "./dom.js";
import { showApplication } from "./views/application.js";
import { showHome } from "./views/home.js";
import { problem } from "./views/problem.js";
import { showSession } from "./views/session.js";

const GUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
const ROUTES = [
  [new RegExp(`^#/(${GUID})/(${GUID})/(${GUID})$`), showSession],
  [new RegExp(`^#/(${GUID})/(${GUID})$`), showApplication],
  [/^(#\/?)?$/, showHome],
];

const main = document.getElementById("main");

/** What every view gets: the configuration, and a way to end what it keeps running. */
let configuration = null;
let leave = () => true;
let shown = null;

async function show() {
  if (location.hash === shown) return;
  if (!(await leave())) {
    history.replaceState(null, "", shown);
    return;
  }
  shown = location.hash;
  leave = () => true;
  const [ids, view] = match(location.hash);
  const [catalogId, resourceId, sessionId] = ids.map((id) => id.toLowerCase());
  fill(main, h("p", { class: "loading", role: "status" }, "Loading…"));
  try {
    const result = view && (await view(main, { catalogId, resourceId, sessionId }, configuration));
    if (!view) fill(main, problem({ notFound: true }));
    if (typeof result === "function") leave = result;
  } catch (error) {
    fill(main, problem({ error, retry: () => reload() }));
  }
  focusOn(main.querySelector("h1"));
}

function match(hash) {
  for (const [pattern, view] of ROUTES) {
    const found = pattern.exec(hash);
    if (found) return [view === showHome ? [] : found.slice(1), view];
  }
  return [[], null];
}

function reload() {
  shown = null;
  return show();
}

/** Asks the person to sign in again; what is on the page stays. A click has to open the window, so there is a question. */
async function askToSignInAgain() {
  const yes = await confirmation({
    title: "You have been signed out",
    body: h("p", {}, "Sign in again to go on. Everything on this page stays as it is, and uploads continue afterwards."),
    yes: "Sign in",
    no: "Not now",
  });
  return yes && signInAgain();
}

async function begin() {
  try {
    configuration = await config();
    if (!(await start(configuration.auth, askToSignInAgain))) return;
  } catch (error) {
    fill(main, problem({ error, retry: () => location.reload() }));
    focusOn(main.querySelector("h1"));
    return;
  }
  const name = signedInName();
  if (name) fill(document.getElementById("signed-in"), "Signed in as ", h("strong", {}, name));
  window.addEventListener("hashchange", show);
  await show();
}

begin();
