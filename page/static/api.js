// Every request to the service. Nothing else of the page talks to it.

import { renew, token } from "./auth.js";
import { CUT_OFF, HostError } from "./host.js";

const ROOT = "/v1.0";
const MANAGEMENT = `${ROOT}/identityGovernance/entitlementManagement`;


// The host has no free slot (429 without Retry-After, which the service would add): the app has not seen the request, so
// that any may be repeated.
const BUSY_PAUSES_SECONDS = [1, 2, 4, 8];

/** An answer that is an error: Graph's code, the exact reason, the sentence for people, and its details. */
export class ServiceError extends Error {
  constructor(status, body, retryAfter) {
    const error = body?.error ?? {};
    super(error.message ?? `The service refused this without a reason (status ${status}). Try again later.`);
    this.status = status;
    this.code = error.code ?? "";
    this.reason = error.innerError?.code ?? "";
    this.inner = error.innerError ?? {};
    this.details = error.details ?? [];
    this.retryAfter = retryAfter;
  }
}

/** The request did not reach the service, or its answer did not come back. `words`: where more is known of it. */
export class NetworkError extends Error {
  constructor(message, words = null) {
    super(message);
    this.words = words;
  }
}

/** The caller stopped the request. */
export class CancelledError extends Error {}

/** The page's configuration: how to sign in, the column layouts, the limits. */
export const config = async () => (await send("GET", "/uploads/config", { anonymous: true })).body;

// Applications

export const applications = () => all(`${ROOT}/uploads/resources?$top=999`);

export const application = async ({ catalogId, resourceId }) => (await send("GET", resourcePath(catalogId, resourceId))).body;

export const putApplication = async ({ catalogId, resourceId }, properties) =>
  (await send("PUT", resourcePath(catalogId, resourceId), { json: properties })).body;

// Sessions

export const sessions = async (key, top = 20) =>
  (await send("GET", `${sessionsPath(key)}?$orderby=createdDateTime desc&$top=${top}`)).body.value;

export const createSession = async (key, review) => (await send("POST", sessionsPath(key), { json: { data: review } })).body;

/** A session with its files. `quiet`: whoever is signed out is not asked to sign in again just for this. */
export const session = async (key, options) => {
  const { body } = await send("GET", `${sessionPath(key)}?$expand=files($top=999)`, options);
  return { ...body, files: [...body.files, ...(await rest(body["files@odata.nextLink"]))] };
};

export const completeSession = async (key, { etag, allow = [] }) =>
  (
    await send("PATCH", `${sessionPath(key)}`, {
      json: { isUploadDone: true },
      headers: [["If-Match", etag], ...(allow.length ? [["Prefer", allow.join(", ")]] : [])],
    })
  ).body;

export const redeliver = (key, target) => send("POST", `${sessionPath(key)}/redeliver`, { json: { target } });

export const deleteSession = (key) => send("DELETE", sessionPath(key));

// Files

export const refusals = async (key, options) => (await send("GET", `${sessionPath(key)}/refusals`, options)).body.value;

export const withdrawRefusal = (key, id) => send("DELETE", `${sessionPath(key)}/refusals/${id}`);

export const removeFile = (key, id) => send("DELETE", `${sessionPath(key)}/files/${id}`);

/** Uploads one file; `progress` gets the bytes that were sent. `signal` stops it. */
export const uploadFile = (key, file, options) => sendForm(`${sessionPath(key)}/uploadFile`, file, options);

// Access and audit

export const grants = (catalogId) => all(`${ROOT}/uploads/grants/catalogs/${catalogId}?$top=999`);

export const putGrant = ({ catalogId, resourceId }, principalId, role) =>
  send("PUT", grantPath(catalogId, resourceId, principalId), { json: { role } });

export const deleteGrant = ({ catalogId, resourceId, principalId }) =>
  send("DELETE", grantPath(catalogId, resourceId, principalId));

export const audit = (key) =>
  all(`${ROOT}/uploads/audit?$filter=${encodeURIComponent(`catalogId eq ${key.catalogId} and resourceId eq ${key.resourceId}`)}&$top=200`, 5);

// Paths

const resourcePath = (catalogId, resourceId) => `${ROOT}/uploads/resources/${catalogId}/${resourceId}`;
const sessionsPath = (key) => `${MANAGEMENT}/catalogs/${key.catalogId}/resources/${key.resourceId}/uploadSessions`;
const sessionPath = (key) => `${sessionsPath(key)}/${key.sessionId}`;
const grantPath = (catalogId, resourceId, principalId) =>
  `${ROOT}/uploads/grants/catalogs/${catalogId}${resourceId ? `/resources/${resourceId}` : ""}/principals/${principalId}`;

/** All entries of a collection, page after page. The first page's annotations come along. */
async function all(path, pages = 50) {
  const first = (await send("GET", path)).body;
  return { ...first, value: [...first.value, ...(await rest(first["@odata.nextLink"], pages - 1))] };
}

/** The entries of the pages to which the link of another page leads, if it has one. */
async function rest(next, pages = 50) {
  const value = [];
  for (let page = 0; next && page < pages; page += 1) {
    const url = new URL(next);
    const { body } = await send("GET", url.pathname + url.search);
    value.push(...body.value);
    next = body["@odata.nextLink"];
  }
  return value;
}

async function send(method, path, { json, headers = [], anonymous = false, quiet = false } = {}) {
  const attempt = async () => {
    const bearer = anonymous ? null : await token();
    const all = [...headers];
    if (bearer) all.push(["Authorization", `Bearer ${bearer}`]);
    if (json !== undefined) all.push(["Content-Type", "application/json"]);
    try {
      return await fetch(path, {
        method,
        headers: all,
        body: json === undefined ? undefined : JSON.stringify(json),
        cache: "no-store",
        redirect: "error",
      });
    } catch (error) {
      throw new NetworkError(error.message);
    }
  };
  let answer = await attempt();
  if (answer.status === 401 && !anonymous && (await renew({ quiet }))) answer = await attempt();
  for (const seconds of BUSY_PAUSES_SECONDS) {
    if (answer.status !== 429 || answer.headers.has("Retry-After")) break;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    answer = await attempt();
  }
  if (!answer.ok) {
    const body = await answer.json().catch(() => null);
    throw refusal(answer.status, body, answer.headers.get("Retry-After"));
  }
  try {
    const text = await answer.text();
    return { body: text ? JSON.parse(text) : null };
  } catch (error) {
    throw new NetworkError(error.message);
  }
}

/** The error of an answer. Every one of the service has its shape; one that has not is the host's. */
const refusal = (status, body, retryAfter) =>
  !body?.error && HostError.explains(status) ? new HostError(status) : new ServiceError(status, body, Number(retryAfter) || null);

/** Sends one file as a form. XMLHttpRequest, since fetch does not tell how much of a body has been sent. */
async function sendForm(path, file, { progress = () => {}, signal } = {}) {
  const attempt = async () => {
    const bearer = await token();
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new CancelledError());
        return;
      }
      const request = new XMLHttpRequest();
      let sent = 0;
      const stop = () => request.abort();
      signal?.addEventListener("abort", stop);
      request.addEventListener("loadend", () => signal?.removeEventListener("abort", stop));
      request.upload.addEventListener("progress", (event) => {
        sent = Math.min(event.loaded, file.size);
        progress(sent);
      });
      request.addEventListener("load", () => resolve(request));
      request.addEventListener("error", () => reject(new NetworkError("The connection was lost.", sent && navigator.onLine ? CUT_OFF : null)));
      request.addEventListener("abort", () => reject(new CancelledError()));
      request.open("POST", path);
      if (bearer) request.setRequestHeader("Authorization", `Bearer ${bearer}`);
      const form = new FormData();
      // The service decodes a name that is percent-encoded as a whole: a percent sign of the name itself is encoded, too.
      form.append("file", file, file.name.includes("%") ? encodeURIComponent(file.name) : file.name);
      request.send(form);
    });
  };
  let request = await attempt();
  if (request.status === 401 && (await renew())) request = await attempt();
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
