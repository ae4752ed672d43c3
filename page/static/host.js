// What the Functions host answers without asking the app, and what it lets through. Its answers are a status and nothing
// else, so that the words are the page's.

import { KnownError } from "./errors.js";
import { bytes } from "./format.js";

// Around a file in a form: two boundaries, a header, and a name of up to 255 characters.
const FORM_BYTES = 2048;

const ADVICE = "Split it into several files, each with the header row, or use the command line: accup send compresses a file on its way, usually to a tenth.";

const NOT_AVAILABLE = {
  title: "The service is not available right now",
  text: ["It is starting, or being updated. Nothing is lost or half done.", "Wait a minute and try again. If it stays like this, tell the governance team."],
  again: true,
};

const TOO_MUCH = {
  title: "The browser sent more than the service takes",
  text: ["The address or the cookies of this site have become too long.", "Delete the cookies of this site, load the page again, and sign in again."],
  again: true,
};

const ANSWERS = {
  400: {
    title: "The service did not accept this request",
    text: ["It was not read: something in its address, its headers or the name of a file is not allowed.", "Load the page again. If it is about one file, give it a plain name. If it happens again, tell the governance team."],
    again: true,
  },
  404: {
    title: "The service is not running",
    text: ["Its address answers, but the service behind it does not: it is being updated, or it could not start.", "Wait a minute and try again. If it stays like this, tell the governance team: the service's own log says why."],
    again: true,
  },
  413: { title: "The file is too large", text: ["The service takes no request of this size.", ADVICE], again: false },
  414: TOO_MUCH,
  429: { title: "The service is busy", text: ["It serves as many requests as it can. Nothing is lost or half done.", "Wait a minute and try again."], again: true },
  431: TOO_MUCH,
  500: {
    title: "The service ended this request",
    text: [
      "It does so when a connection stands still for some seconds, when a file is larger than it takes, and when it is restarted. What was accepted before is safe.",
      `Try again. If it is about a large file, and happens again: ${ADVICE}`,
    ],
    again: true,
  },
  502: NOT_AVAILABLE,
  503: NOT_AVAILABLE,
  504: NOT_AVAILABLE,
};

/**
 * An answer of the host. It has no `status`, since it says nothing about what was asked for: its 404 does not mean that a
 * session is gone.
 */
export class HostError extends KnownError {
  constructor(hostStatus) {
    super(ANSWERS[hostStatus]);
    this.hostStatus = hostStatus;
    this.mayPass = [429, 500, 502, 503, 504].includes(hostStatus);
  }

  /** Whether an answer without an error of the service is one of the host. */
  static explains(status) {
    return status in ANSWERS;
  }
}

/** The largest file that this page can send, in bytes. It cannot compress, so that the largest body is a limit for it, too. */
export const largestFile = ({ maxFileBytes, maxBodyBytes }) => Math.min(maxFileBytes, (maxBodyBytes ?? Infinity) - FORM_BYTES);

/** A limit in words, never more than it is. */
export function limitInWords(size) {
  if (size < 100_000) return bytes(size);
  const [unit, name] = size < 1_000_000_000 ? [1_000_000, "MB"] : [1_000_000_000, "GB"];
  return `${Math.floor((size * 10) / unit) / 10} ${name}`;
}

/** What is wrong with the size of a file; null if it can be sent. */
export function tooLarge(size, limits) {
  if (size > limits.maxFileBytes) {
    const text = [`A file may have up to ${limitInWords(limits.maxFileBytes)}. Split it into several files, each with the header row.`];
    return new KnownError({ title: "The file is too large", text, again: false });
  }
  const largest = largestFile(limits);
  if (size <= largest) return null;
  const text = [`This page can send files of up to ${limitInWords(largest)}. Nothing was sent.`, ADVICE];
  return new KnownError({ title: "The file is too large for this page", text, again: false });
}

/** The connection ended when a part of the file had been sent. */
export const CUT_OFF = {
  title: "The connection ended in the middle of the upload",
  text: [
    "The service, or something on the way to it, ended it: it was too slow, stood still, or the service was restarted. What was accepted before is safe.",
    `Try again. If it happens again: ${ADVICE}`,
  ],
  again: true,
};
