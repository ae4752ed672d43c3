// The operations of the service, as the page uses them. requests.js sends them.

import { MANAGEMENT, ROOT, all, rest, send, sendForm } from "./requests.js";

/** The page's configuration, which its document has: how to sign in, the column layouts, the limits. */
export const config = () => JSON.parse(document.querySelector("meta[name=configuration]").content);

// Applications

/** What the caller may see, each with the sessions that wait for files, by deadline, and the last complete one. */
export const applications = () => all(`${ROOT}/uploads/resources?$expand=uploadSessions&$top=999`);

/** What the caller may do in the whole tenant: readWrite, read, or null. */
export const permission = async () => (await send("GET", `${ROOT}/uploads/resources?$top=1`)).body["@uploads.permission"];

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
  return { ...body, files: [...body.files, ...(await rest(body["files@odata.nextLink"], options))] };
};

/** The last complete session of an application but for one, with its files; null if there is none, undefined if it cannot be read. */
export const lastComplete = async (key) => {
  try {
    const found = (await sessions(key)).find((each) => each.status === "complete" && each.id !== key.sessionId);
    return found ? await session({ ...key, sessionId: found.id }) : null;
  } catch {
    return undefined;
  }
};

export const completeSession = async (key, { etag, allow = [] }) =>
  (
    await send("PATCH", `${sessionPath(key)}`, {
      json: { isUploadDone: true },
      headers: [["If-Match", etag], ...(allow.length ? [["Prefer", allow.join(", ")]] : [])],
    })
  ).body;

export const redeliver = (key, target) => send("POST", `${sessionPath(key)}/redeliver`, { json: { target } });

// Files

export const refusals = async (key, options) => (await send("GET", `${sessionPath(key)}/refusals`, options)).body.value;

export const withdrawRefusal = (key, id) => send("DELETE", `${sessionPath(key)}/refusals/${id}`);

export const removeFile = (key, id) => send("DELETE", `${sessionPath(key)}/files/${id}`);

/** Uploads one file; `options` are those of `sendForm`. */
export const uploadFile = (key, file, options) => sendForm(`${sessionPath(key)}/uploadFile`, file, options);

// What the files of an application are like, and whose accounts they have

/** Tries the first lines of a file with a declaration, and stores nothing: its columns, and the first rows that come out. */
export async function tryFile(key, lines, name, declaration) {
  const content = new FormData();
  content.append("import", JSON.stringify(declaration));
  content.append("file", lines, name);
  return (await send("POST", `${resourcePath(key.catalogId, key.resourceId)}/validateFile`, { content })).body;
}

export const putImport = ({ catalogId, resourceId }, declaration) => send("PUT", `${resourcePath(catalogId, resourceId)}/import`, { json: declaration });

/** The accounts of a refused file that have no person, as a list to fill in. */
export const unmatched = async (key, refusalId) => (await send("GET", `${sessionPath(key)}/refusals/${refusalId}/accounts`, { raw: true })).body;

/** An application's own list of accounts: its text and its ETag, which is null where there is none. */
export async function accounts({ catalogId, resourceId }) {
  try {
    const { body, etag } = await send("GET", `${resourcePath(catalogId, resourceId)}/accounts`, { raw: true });
    return { text: body, etag };
  } catch (error) {
    if (error.status === 404) return { text: "", etag: null };
    throw error;
  }
}

/** Replaces the list, if it is still the one with this ETag. */
export const putAccounts = async ({ catalogId, resourceId }, text, etag) => {
  const headers = [etag ? ["If-Match", etag] : ["If-None-Match", "*"]];
  return (await send("PUT", `${resourcePath(catalogId, resourceId)}/accounts`, { content: text, type: "text/csv", headers })).body;
};

/** What is known of the directory; null if there is none. */
export async function directory() {
  try {
    return (await send("GET", `${ROOT}/uploads/directory`)).body;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

export const putDirectory = async (file) => (await send("PUT", `${ROOT}/uploads/directory`, { content: file, type: "text/csv" })).body;

// Access and audit

export const grants = (catalogId) => all(`${ROOT}/uploads/grants/catalogs/${catalogId}?$top=999`);

export const putGrant = ({ catalogId, resourceId }, principalId, grant) =>
  send("PUT", grantPath(catalogId, resourceId, principalId), { json: grant });

export const deleteGrant = ({ catalogId, resourceId, principalId }) =>
  send("DELETE", grantPath(catalogId, resourceId, principalId));

/** What was changed, the newest first, 100 at a time: `value`, and `next` where there may be more. */
export async function changes({ catalogId, resourceId }, next = null) {
  const filter = encodeURIComponent(`catalogId eq ${catalogId} and resourceId eq ${resourceId}`);
  const url = next && new URL(next);
  const path = url ? url.pathname + url.search : `${ROOT}/uploads/audit?$filter=${filter}&$orderby=activityDateTime desc&$top=100`;
  const { body } = await send("GET", path);
  return { value: body.value, next: body["@odata.nextLink"] ?? null };
}

// Paths

const resourcePath = (catalogId, resourceId) => `${ROOT}/uploads/resources/${catalogId}/${resourceId}`;
const sessionsPath = (key) => `${MANAGEMENT}/catalogs/${key.catalogId}/resources/${key.resourceId}/uploadSessions`;
const sessionPath = (key) => `${sessionsPath(key)}/${key.sessionId}`;
const grantPath = (catalogId, resourceId, principalId) =>
  `${ROOT}/uploads/grants/catalogs/${catalogId}${resourceId ? `/resources/${resourceId}` : ""}/principals/${principalId}`;
