// The addresses of the page: what each shows, and how it is written. Nothing else puts one together or takes it apart.

const GUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
const ONE_GUID = new RegExp(`^${GUID}$`);

const isGuid = (text) => ONE_GUID.test(text);

/** All GUIDs of a text, in their order and in lower case: a link, or what somebody pasted. */
export const guidsIn = (text) => (text.match(new RegExp(GUID, "g")) ?? []).map((each) => each.toLowerCase());

export const HOME = "#/";

export const applicationPlace = ({ catalogId, resourceId }) => `#/${catalogId}/${resourceId}`;

export const sessionPlace = ({ catalogId, resourceId, sessionId }) => `#/${catalogId}/${resourceId}/${sessionId}`;

/** A place as a link that can be sent. */
export const linkTo = (place) => `${location.origin}/uploads${place}`;

// What a mail program or a person puts around a link: blanks, brackets, the full stop of the sentence, a slash.
const AROUND = /^[\s\u200b\u2060\ufeff<]+|[\s\u200b\u2060\ufeff/.,;:!?)>\]"']+$/g;

/**
 * What an address shows: `view` (home, application, session, or null for none), the ids of its `key` in lower case, and
 * the address as the page writes it.
 */
export function placeOf(hash) {
  const ids = decoded(hash).replace(AROUND, "").replace(/^#?\/?/, "").split("/");
  if (ids.length === 1 && ids[0] === "") return { view: "home", key: {}, address: HOME };
  if (ids.length > 3 || ids.length < 2 || !ids.every(isGuid)) return { view: null, key: {}, address: hash };
  const [catalogId, resourceId, sessionId] = ids.map((id) => id.toLowerCase());
  const key = { catalogId, resourceId, sessionId };
  return sessionId ? { view: "session", key, address: sessionPlace(key) } : { view: "application", key, address: applicationPlace(key) };
}

function decoded(hash) {
  try {
    return decodeURIComponent(hash);
  } catch {
    return hash;
  }
}
