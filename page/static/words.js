// The words for what the service has names for: states, needs, changes. A name without words is told as "changed something"
// or the like, and never as itself.

/** The class of a tag and its words, for the state of a session. */
const SESSION_STATES = {
  active: ["open", "Open"],
  complete: ["good", "Complete"],
  expired: ["over", "Expired"],
};

export const sessionState = (status) => SESSION_STATES[status] ?? ["over", "Unknown"];

/** The class of a tag and its words, for the state of what is handed on. */
export const DELIVERY_STATES = {
  delivered: ["good", "Handed on"],
  pending: ["open", "Waiting"],
  failed: ["bad", "Not handed on"],
};

/** Who receives it. */
export const DELIVERY_TARGETS = { graph: "Microsoft Entra", events: "Other systems" };

/** What somebody did, after their name. */
const CHANGES = {
  createSession: "created an upload session",
  uploadFile: "uploaded a file",
  deleteFile: "removed a file",
  deleteRefusal: "withdrew a file that needed fixing",
  completeSession: "finished a session",
  deleteSession: "deleted a session",
  expireSession: "closed a session that had expired",
  removeFiles: "removed the files after their retention time",
  putGrant: "gave access",
  deleteGrant: "revoked access",
  putResource: "changed the name or the expectations",
  deleteResource: "removed the name",
  putImport: "declared what the files are like",
  deleteImport: "removed what was declared of the files",
  putAccounts: "changed the list of accounts",
  deleteAccounts: "removed the list of accounts",
  putDirectory: "uploaded the directory",
  deleteDirectory: "removed the directory",
  deliverSession: "handed a session on",
  redeliverSession: "asked to hand a session on again",
};

export const change = (activity) => CHANGES[activity] ?? "changed something";

/** A sentence of the service without the name of a setting, which its reader cannot change. */
export const withoutSettings = (sentence) => sentence.replace(/ \(UPLOADS_[A-Z_]+\)/g, "");
