// Every request to the service goes through here: with a token, repeated where that is safe, and its errors told apart.

import { renew, token } from "./auth.js";
import { hear } from "./clock.js";
import { CancelledError, KnownError, NetworkError, ServiceError } from "./errors.js";
import { CUT_OFF, HostError } from "./host.js";

export const ROOT = "/v1.0";
export const MANAGEMENT = `${ROOT}/identityGovernance/entitlementManagement`;

// The host has no free slot (429 without Retry-After, which the service would add): the app has not seen the request, so
// that any may be repeated.
const BUSY_PAUSES_SECONDS = [1, 2, 4, 8];

/** All entries of a collection, page after page. The first page's annotations come along. */
export async function all(path) {
  const first = (await send("GET", path)).body;
  return { ...first, value: [...first.value, ...(await rest(first["@odata.nextLink"]))] };
}

/** The entries of the pages to which the link of another page leads, if it has one. */
export async function rest(next, options = {}) {
  const value = [];
  while (next) {
    const url = new URL(next);
    const { body } = await send("GET", url.pathname + url.search, options);
    value.push(...body.value);
    next = body["@odata.nextLink"];
  }
  return value;
}

/**
 * Sends a request and reads its answer. `quiet`: whoever is signed out is not asked to sign in again just for this.
 * `content` is a body that is no JSON, of `type`; the type of a form says where its parts begin, and is the browser's.
 * `raw`: the answer is text.
 *
 * Throws ServiceError, HostError, NetworkError or SignedOutError.
 */
export async function send(method, path, { json, content, type = null, headers = [], quiet = false, raw = false } = {}) {
  const attempt = async () => {
    const bearer = await token({ quiet });
    const all = [...headers];
    if (bearer) all.push(["Authorization", `Bearer ${bearer}`]);
    if (json !== undefined) all.push(["Content-Type", "application/json"]);
    else if (type) all.push(["Content-Type", type]);
    const body = json === undefined ? content : JSON.stringify(json);
    try {
      return await fetch(path, { method, headers: all, body, cache: "no-store", redirect: "error" });
    } catch (error) {
      throw new NetworkError(error.message);
    }
  };
  let answer = await attempt();
  if (answer.status === 401 && (await renew({ quiet }))) answer = await attempt();
  for (const seconds of BUSY_PAUSES_SECONDS) {
    if (answer.status !== 429 || answer.headers.has("Retry-After")) break;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    answer = await attempt();
  }
  hear(answer.headers.get("Date"));
  if (!answer.ok) {
    const body = await answer.json().catch(() => null);
    throw refusal(answer.status, body, answer.headers.get("Retry-After"));
  }
  try {
    const text = await answer.text();
    return { body: raw ? text : text ? JSON.parse(text) : null, etag: answer.headers.get("ETag") };
  } catch (error) {
    throw new NetworkError(error.message);
  }
}

/** The error of an answer. Every one of the service has its shape; one that has not is the host's. */
const refusal = (status, body, retryAfter) =>
  !body?.error && HostError.explains(status) ? new HostError(status) : new ServiceError(status, body, Number(retryAfter) || null);

/** Sends one file as a form, under its own name or another one. `progress` gets the bytes that were sent; `signal` stops it. */
export async function sendForm(path, file, { name = file.name, progress = () => {}, signal } = {}) {
  const attempt = async () => sent(path, { file, name, progress, signal, bearer: await token() });
  let request = await attempt();
  if (request.status === 401 && (await renew())) request = await attempt();
  hear(request.getResponseHeader("Date"));
  let body = null;
  try {
    body = JSON.parse(request.responseText);
  } catch {
    // Not an answer of the service, or not all of it.
  }
  if (request.status !== 200) throw refusal(request.status, body, request.getResponseHeader("Retry-After"));
  if (body === null) throw new NetworkError("The answer did not come back whole.");
  return body;
}

/** The request when it has its answer. XMLHttpRequest, since fetch does not tell how much of a body has been sent. */
function sent(path, { file, name, progress, signal, bearer }) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(new CancelledError());
      return;
    }
    const request = new XMLHttpRequest();
    let loaded = 0;
    const stop = () => request.abort();
    signal?.addEventListener("abort", stop);
    request.addEventListener("loadend", () => signal?.removeEventListener("abort", stop));
    request.upload.addEventListener("progress", (event) => {
      loaded = Math.min(event.loaded, file.size);
      progress(loaded);
    });
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", async () => {
      const lost = new NetworkError("The connection was lost.", loaded && navigator.onLine ? CUT_OFF : null);
      reject((await isReadable(file)) ? lost : new KnownError(UNREADABLE));
    });
    request.addEventListener("abort", () => reject(new CancelledError()));
    request.open("POST", path);
    if (bearer) request.setRequestHeader("Authorization", `Bearer ${bearer}`);
    const form = new FormData();
    // The service decodes a name that is percent-encoded as a whole: a percent sign of the name itself is encoded, too.
    form.append("file", file, name.includes("%") ? encodeURIComponent(name) : name);
    request.send(form);
  });
}

/** Whether the file is still as it was chosen. The browser reports one that is not as it reports a lost connection. */
const isReadable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

const UNREADABLE = {
  title: "This file can no longer be read",
  text: ["It is a folder, or it was changed, moved or renamed after you chose it. Nothing was stored. Choose it again."],
  again: false,
};
