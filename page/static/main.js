// Starts the page: configuration, sign-in, and the router.

import { config } from "./api.js";
import { signInAgain, start } from "./auth.js";
import { confirmation, fill, focusOn, h, retitle } from "./dom.js";
import { later } from "./parts.js";
import { Router } from "./router.js";
import { showHome } from "./views/home.js";
import { explain, problem } from "./views/problem.js";

const main = document.getElementById("main");

// Its address is no place of the page: following it would leave the view.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

const SIGNED_OUT = {
  title: "You have been signed out",
  text: ["Sign in again to go on. Everything on this page stays as it is, and uploads continue afterwards."],
};

/** Asks the person to sign in again; what is on the page stays. A click has to open the window, so there is a question. */
async function askAgain() {
  let words = SIGNED_OUT;
  for (;;) {
    const body = h("div", {}, words.text.map((line) => h("p", {}, line)));
    if (!(await confirmation({ title: words.title, body, yes: "Sign in", no: "Not now", harmless: true }))) return false;
    try {
      return await signInAgain();
    } catch (error) {
      words = explain(error);
    }
  }
}

/** Whether to go on as somebody else than before: what is done from then on is recorded under the other name. */
function goOnAs(name, before) {
  return confirmation({
    title: `You are signed in as ${name}`,
    body: h("p", {}, `Until now it was ${before}. What waits on this page would be uploaded and recorded as ${name}.`),
    yes: `Go on as ${name}`,
    no: "Stay signed out",
  });
}

function signedIn(name) {
  fill(document.getElementById("signed-in"), name && ["Signed in as ", h("strong", {}, name)]);
}

async function begin() {
  try {
    const configuration = config();
    if (!(await start(configuration.auth, { askAgain, goOnAs, signedIn }))) return;
    const views = {
      home: showHome,
      application: later(() => import("./views/application.js"), "showApplication"),
      session: later(() => import("./views/session.js"), "showSession"),
    };
    await new Router(main, views, configuration).start();
  } catch (error) {
    fill(main, problem({ error, retry: () => location.reload(), home: false }));
    retitle(main);
    focusOn(main.querySelector("h1"));
  }
}

begin();
