// Takes a file through a session with the types that openapi-typescript generates: session.js URL FILE.
// It prints what session.py prints.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import createClient from "openapi-fetch";
import type { paths } from "./schema";

const SESSIONS =
  "/v1.0/identityGovernance/entitlementManagement/catalogs/{catalogId}/resources/{resourceId}/uploadSessions";
const SESSION = `${SESSIONS}/{sessionId}` as const;

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("not in the response");
  return value;
}

const [service, file] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: known(service) });
const resource = { catalogId: crypto.randomUUID(), resourceId: crypto.randomUUID() };

const { data: created, response } = await client.POST(SESSIONS, {
  params: { path: resource },
  body: { data: { reviewDefinitionId: crypto.randomUUID(), reviewInstanceId: crypto.randomUUID() } },
});
const id = known(created?.id);
if (!response.headers.get("Location")?.endsWith(id)) throw new Error("the Location is not the session's");
const path = { ...resource, sessionId: id };

async function upload(content: Uint8Array<ArrayBuffer>) {
  return client.POST(`${SESSION}/uploadFile`, {
    params: { path },
    body: { file: "" },
    bodySerializer: () => {
      const form = new FormData();
      form.set("file", new Blob([content], { type: "text/csv" }), basename(known(file)));
      return form;
    },
  });
}

const refused = await upload(new TextEncoder().encode("nothing"));
known((await upload(new Uint8Array(await readFile(known(file))))).data);

const before = await client.GET(SESSION, { params: { path } });
const etag = before.response.headers.get("ETag") ?? "";
const complete = await client.PATCH(SESSION, {
  params: { path, header: { "If-Match": etag } },
  body: { isUploadDone: true },
});
if (complete.data?.status !== "complete") throw new Error("the session is not complete");

const read = known((await client.GET(SESSION, { params: { path, query: { $expand: "files" } } })).data);
const files = known(read.files);
const query = { $filter: "status eq 'complete'", $count: true };
const listed = known((await client.GET(SESSIONS, { params: { path: resource, query } })).data);
const fileId = known(files[0]?.id);
const value = await client.GET(`${SESSION}/files/{fileId}/$value`, {
  params: { path: { ...path, fileId } },
  parseAs: "arrayBuffer",
});

console.log(
  JSON.stringify({
    refused: refused.error?.error.details?.map((detail) => detail.target),
    files: files.map((each) => [each.name, each.size, each["@uploads.rowCount"]]),
    count: listed["@odata.count"],
    listed: listed.value.map((each) => each.id === id),
    bytes: known(value.data).byteLength,
  }),
);
