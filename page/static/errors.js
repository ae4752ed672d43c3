// What can go wrong with a request, told apart by what a person can do about it.

/** An answer that is an error: Graph's code, the exact reason, and its details. Its message is for programs and logs. */
export class ServiceError extends Error {
  constructor(status, body, retryAfter) {
    const error = body?.error ?? {};
    super(error.message ?? `The service refused this without a reason (status ${status}).`);
    this.status = status;
    this.code = error.code ?? "";
    this.target = error.target ?? "";
    this.reason = error.innerError?.code ?? "";
    this.inner = error.innerError ?? {};
    this.details = error.details ?? [];
    this.retryAfter = retryAfter;
  }
}

/** An error whose `words` the page knows: a title, sentences, and whether trying again can help. */
export class KnownError extends Error {
  constructor(words) {
    super([`${words.title}.`, ...words.text].join(" "));
    this.words = words;
  }
}

/** The request did not reach the service, or its answer did not come back. `words`: where more is known of it. */
export class NetworkError extends Error {
  constructor(message, words = null) {
    super(message);
    this.words = words;
  }
}

/** The person is signed out, and was not asked or did not sign in again. */
export class SignedOutError extends KnownError {
  constructor() {
    super({ title: "You are not signed in", text: ["Sign in and try again."], again: true });
    this.status = 401;
  }
}

/** The caller stopped the request. */
export class CancelledError extends Error {}
