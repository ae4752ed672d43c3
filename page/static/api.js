// The operations of the service, as the page uses them. requests.js sends them.

import { MANAGEMENT, ROOT, all, rest, send, sendForm } from "./requests.js";

/** The page's configuration, which its document has: how to sign in, the column layouts, the limits. */
export const config = () => JSON.parse(document.querySelector("meta[name=configuration]").content);

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
  return { ...body, files: [...body.files, ...(await rest(body["files@odata.nextLink"], Infinity, options))] };
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

/** Uploads one file; `options` are those of `sendForm`. */
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
