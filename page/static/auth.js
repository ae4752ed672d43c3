// Signing in: nothing to do (none), or a token of Microsoft Entra (entra).
//
// Entra: authorization code with PKCE (RFC 7636), as Microsoft describes it for single-page applications. Tokens are
// held in memory only. A refresh token renews them while the page is open; where that is no longer possible, a window
// asks for the sign-in again and the page stays as it is, so that nothing chosen or under way is lost.
//
// That window ends at this page, too, which tells the result on a channel and closes. It is recognized by its address:
// the sign-in page of Microsoft may cut the tie between the windows (Cross-Origin-Opener-Policy), so that the window has
// no opener and no name any more ("redirect bridge" of MSAL.js).

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
let onSignedOut = async () => false;

/** Prepares signing in; `askAgain` is called when the page needs the person to sign in again, and resolves to whether. */
export async function start(configured, askAgain) {
  settings = configured;
  onSignedOut = askAgain;
  if (settings.mode !== "entra") return true;
  const answer = new URLSearchParams(location.search);
  if (answer.has("state") && (answer.has("code") || answer.has("error"))) {
    if (answer.get("state").startsWith(IN_WINDOW)) return !tellAndClose(Object.fromEntries(answer));
    const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
    sessionStorage.removeItem(PENDING);
    history.replaceState(null, "", location.pathname + (pending?.hash ?? ""));
    if (pending && answer.get("state") === pending.state && answer.has("code")) {
      tokens = await redeem({ grant_type: "authorization_code", code: answer.get("code"), code_verifier: pending.verifier });
      return true;
    }
    throw new Error(answer.get("error_description") ?? "The sign-in did not come to its end. Try again.");
  }
  await redirectToSignIn();
  return false;
}

/** Who is signed in, by the name in the token that is meant for this page; null where the service asks for no token. */
export function signedInName() {
  return tokens?.name ?? null;
}

/** The token for a request; null where the service asks for none. */
export async function token() {
  if (settings.mode !== "entra") return null;
  if (tokens && Date.now() < tokens.expires - EARLY_SECONDS * 1000) return tokens.access;
  await renew();
  return tokens?.access ?? null;
}

/** Gets a new token; resolves to whether there is one. With `quiet` the person is not asked. */
export async function renew({ quiet = false } = {}) {
  if (settings.mode !== "entra") return false;
  renewing ??= renewByToken().finally(() => {
    renewing = null;
  });
  if (await renewing) return true;
  if (quiet) return false;
  asking ??= onSignedOut().finally(() => {
    asking = null;
  });
  return asking;
}

/** Without the person: false if the refresh token has expired or was revoked, or if there is none. */
async function renewByToken() {
  if (!tokens?.refresh) return false;
  try {
    tokens = await redeem({ grant_type: "refresh_token", refresh_token: tokens.refresh });
    return true;
  } catch {
    return false;
  }
}

/** Signs in again in a window of its own. Must be called from a click, or browsers block the window. */
export async function signInAgain() {
  const { url, state, verifier } = await signInRequest(IN_WINDOW);
  const answer = await inWindow(url, state);
  if (!answer?.code) return false;
  tokens = await redeem({ grant_type: "authorization_code", code: answer.code, code_verifier: verifier });
  return true;
}

/** Opens a window for signing in, and waits for what it tells; null if it cannot be opened or is closed before its end. */
async function inWindow(url, state) {
  const channel = new BroadcastChannel(CHANNEL);
  let watch;
  try {
    const opened = window.open(url, CHANNEL, "popup,width=500,height=650");
    if (!opened) return null;
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
  const answer = await fetch(`${settings.authority}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      client_id: settings.clientId,
      redirect_uri: redirectUri(),
      scope: `${settings.scope} openid profile offline_access`,
      ...parameters,
    }),
  });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error_description ?? "The sign-in was refused.");
  return {
    access: body.access_token,
    refresh: body.refresh_token ?? null,
    expires: Date.now() + body.expires_in * 1000,
    name: nameIn(body.id_token) ?? tokens?.name ?? null,
  };
}

// For display only: the service checks the access token; nothing is decided by this one.
function nameIn(idToken) {
  try {
    const claims = idToken.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const text = new TextDecoder().decode(Uint8Array.from(atob(claims), (letter) => letter.charCodeAt(0)));
    const { name, preferred_username: user } = JSON.parse(text);
    return name ?? user ?? null;
  } catch {
    return null;
  }
}

const redirectUri = () => `${location.origin}/uploads`;
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const base64url = (octets) =>
  btoa(String.fromCharCode(...octets)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
