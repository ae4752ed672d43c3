// A new session for a review: for one whose session has expired, and for the governance team, which sends the link.

import { createSession } from "../api.js";
import { h } from "../dom.js";
import { sessionPlace } from "../places.js";
import { complain } from "./forms.js";
import { explain } from "./problem.js";

/** A button that starts a session for the review of an expired one, and goes there. */
export function startAgain({ catalogId, resourceId, displayName }, { data }) {
  const key = { catalogId, resourceId };
  const problem = h("div");
  const start = async () => {
    try {
      const { sessionId } = await started(key, reviewOf(data));
      // Who has gone elsewhere meanwhile stays there.
      if (problem.isConnected) location.hash = sessionPlace({ ...key, sessionId });
    } catch (error) {
      complain(problem, `${explain(error).title}. ${explain(error).text[0]}`);
    }
  };
  const about = displayName && h("span", { class: "hidden" }, `: ${displayName}`);
  return [h("button", { class: "button", onclick: start }, "Start again for this review", about), problem];
}

/** Starts a session for a review, or finds the one that there is: `sessionId`, `isNew`, and until when it is open. */
export async function started(key, review) {
  try {
    const { id, expirationDateTime } = await createSession(key, review);
    return { sessionId: id, isNew: true, expirationDateTime };
  } catch (error) {
    // Somebody else was faster, or an answer was lost: one session is all that a review has.
    if (!error.inner?.uploadSessionId) throw error;
    return { sessionId: error.inner.uploadSessionId, isNew: false, expirationDateTime: null };
  }
}

/** The ids of a review, which older sessions have under other names. */
const reviewOf = (data) => ({
  reviewDefinitionId: data.reviewDefinitionId ?? data.accessReviewId,
  reviewInstanceId: data.reviewInstanceId ?? data.accessReviewInstanceId,
});
