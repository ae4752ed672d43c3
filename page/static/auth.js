// Signing in: nothing to do (none), or a token of Microsoft Entra (entra).
//
// Entra: authorization code with PKCE (RFC 7636), as Microsoft describes it for single-page applications. Tokens are
// held in memory only. A refresh token renews them while the page is open; where that is no longer possible, a window
// asks for the sign-in again and the page stays as it is, so that nothing chosen or under way is lost.
//
// That window ends at this page, too, which tells the result on a channel and closes. It is recognized by its address:
// the sign-in page of Microsoft may cut the tie between the windows (Cross-Origin-Opener-Policy), so that the window has
// no opener and no name any more ("redirect bridge" of MSAL.js).

import { KnownError, NetworkError, SignedOutError } from "./errors.js";

const CHANNEL = "uploads-sign-in";
const PENDING = "uploads-sign-in-pending";
const EARLY_SECONDS = 120;

// The beginning of `state` in a window.
const IN_WINDOW = "window-";

// How long a sign-in window must have been closed until it is taken for given up.
const GIVEN_UP_MILLISECONDS = 2000;

let settings = { mode: "none" };
let tokens = null;
let renewing = null;
let asking = null;
let prompts = { askAgain: async () => false, goOnAs: async () => false, signedIn: () => {} };

const NOT_SIGNED_IN = {
  title: "You could not be signed in",
  text: ["The sign-in did not come to its end, or was refused. Try again.", "If it happens again, ask the governance team whether you may use this service."],
  again: true,
};

const BLOCKED = {
  title: "The browser blocked the sign-in window",
  text: ["Allow this site to open windows (the browser asks beside the address), then sign in."],
  again: true,
};

/**
 * Prepares signing in; resolves to whether the page can begin.
 *
 * `askAgain` asks the person to sign in again, and resolves to whether; `goOnAs(name, before)` whether to go on as
 * somebody else than before; `signedIn(name)` is told who is signed in, now and after each change.
 */
export async function start(configured, asked) {
  settings = configured;
  prompts = asked;
  if (settings.mode !== "entra") return true;
  const answer = new URLSearchParams(location.search);
  if (answer.has("state") && (answer.has("code") || answer.has("error"))) {
    if (answer.get("state").startsWith(IN_WINDOW)) return !tellAndClose(Object.fromEntries(answer));
    const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
    sessionStorage.removeItem(PENDING);
    history.replaceState(null, "", location.pathname + (pending?.hash ?? ""));
    // Anybody can write a link with an error and a description: neither is shown.
    if (pending && answer.get("state") === pending.state && answer.has("code")) {
      take(await redeem({ grant_type: "authorization_code", code: answer.get("code"), code_verifier: pending.verifier }));
      return true;
    }
    throw new KnownError(NOT_SIGNED_IN);
  }
  await redirectToSignIn();
  return false;
}

/** The object id and the name of who is signed in; nulls where the service asks for no token. */
export const signedIn = () => ({ id: tokens?.person ?? null, name: tokens?.name ?? null });

/**
 * The token for a request; null where the service asks for none. `quiet`: as for `renew`.
 *
 * Throws SignedOutError, and NetworkError.
 */
export async function token({ quiet = false } = {}) {
  if (settings.mode !== "entra") return null;
  if (tokens && Date.now() < tokens.expires - EARLY_SECONDS * 1000) return tokens.access;
  if (await renew({ quiet })) return tokens.access;
  throw new SignedOutError();
}

/**
 * Gets a new token; resolves to whether there is one. With `quiet` the person is not asked.
 *
 * Throws NetworkError: without a connection nobody has been signed out.
 */
export async function renew({ quiet = false } = {}) {
  if (settings.mode !== "entra") return false;
  renewing ??= renewByToken().finally(() => {
    renewing = null;
  });
  if (await renewing) return true;
  if (quiet) return false;
  asking ??= prompts.askAgain().finally(() => {
    asking = null;
  });
  return asking;
}

/** Without the person: false if the refresh token has expired or was revoked, or if there is none. */
async function renewByToken() {
  if (!tokens?.refresh) return false;
  try {
    take(await redeem({ grant_type: "refresh_token", refresh_token: tokens.refresh }));
    return true;
  } catch (error) {
    if (error instanceof NetworkError) throw error;
    tokens.refresh = null;
    return false;
  }
}

/**
 * Signs in again in a window of its own; resolves to whether. Must be called from a click, or browsers block the window.
 *
 * Throws KnownError if the window is blocked or the sign-in is refused, and NetworkError.
 */
export async function signInAgain() {
  const { url, state, verifier } = await signInRequest(IN_WINDOW);
  const answer = await inWindow(url, state);
  if (!answer?.code) return false;
  const found = await redeem({ grant_type: "authorization_code", code: answer.code, code_verifier: verifier });
  if (tokens && tokens.person !== found.person && !(await prompts.goOnAs(found.name, tokens.name))) return false;
  take(found);
  return true;
}

function take(found) {
  tokens = found;
  prompts.signedIn(tokens.name);
}

/** Opens a window for signing in, and waits for what it tells; null if it is closed before its end. */
async function inWindow(url, state) {
  const channel = new BroadcastChannel(CHANNEL);
  let watch;
  try {
    const opened = window.open(url, CHANNEL, "popup,width=500,height=650");
    if (!opened) throw new KnownError(BLOCKED);
    return await new Promise((resolve) => {
      channel.onmessage = ({ data }) => data?.state === state && resolve(data);
      let since = null;
      watch = setInterval(() => {
        // A window whose tie is cut reads as closed. While the person is in it, this page does not have the focus.
        since = opened.closed && document.hasFocus() ? (since ?? Date.now()) : null;
        if (since !== null && Date.now() - since > GIVEN_UP_MILLISECONDS) resolve(null);
      }, 250);
    });
  } finally {
    clearInterval(watch);
    channel.close();
  }
}

/** In a window for signing in: tells the result and closes. Whether it does; a browser closes only what a page opened. */
function tellAndClose(result) {
  new BroadcastChannel(CHANNEL).postMessage(result);
  window.close();
  return window.closed;
}

async function redirectToSignIn() {
  const { url, state, verifier } = await signInRequest();
  // The verifier is no secret once it is used, and has to outlive the redirect; tokens never get in here.
  sessionStorage.setItem(PENDING, JSON.stringify({ state, verifier, hash: location.hash }));
  location.assign(url);
}

async function signInRequest(prefix = "") {
  const state = prefix + random();
  const verifier = random();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const parameters = new URLSearchParams({
    client_id: settings.clientId,
    response_type: "code",
    response_mode: "query",
    redirect_uri: redirectUri(),
    scope: `${settings.scope} openid profile offline_access`,
    state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  });
  return { url: `${settings.authority}/oauth2/v2.0/authorize?${parameters}`, state, verifier };
}

async function redeem(parameters) {
  const body = new URLSearchParams({
    client_id: settings.clientId,
    redirect_uri: redirectUri(),
    scope: `${settings.scope} openid profile offline_access`,
    ...parameters,
  });
  let answer;
  try {
    answer = await fetch(`${settings.authority}/oauth2/v2.0/token`, { method: "POST", body });
  } catch (error) {
    throw new NetworkError(error.message);
  }
  if (answer.status >= 500 || answer.status === 429) throw new NetworkError(`The sign-in service answers with ${answer.status}.`);
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok || !found.access_token) throw new KnownError(NOT_SIGNED_IN);
  const { person, name } = claimsOf(found.id_token);
  return {
    access: found.access_token,
    refresh: found.refresh_token ?? null,
    expires: Date.now() + found.expires_in * 1000,
    person: person ?? tokens?.person ?? null,
    name: name ?? tokens?.name ?? null,
  };
}

// To show who is signed in, and to notice that it is somebody else: the service checks the access token, and decides.
function claimsOf(idToken) {
  try {
    const claims = idToken.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const text = new TextDecoder().decode(Uint8Array.from(atob(claims), (letter) => letter.charCodeAt(0)));
    const { oid, sub, name, preferred_username: user } = JSON.parse(text);
    return { person: oid ?? sub ?? null, name: name ?? user ?? null };
  } catch {
    return { person: null, name: null };
  }
}

const redirectUri = () => `${location.origin}/uploads`;
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const base64url = (octets) =>
  btoa(String.fromCharCode(...octets)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
