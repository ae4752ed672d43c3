// The server's time. This computer's clock may be hours off, and must not decide whether a session is over.

// An answer tells whole seconds, and takes some time to arrive: less is no difference.
const UNNOTICED_MILLISECONDS = 3000;

let ahead = 0;

/** Takes the time from the header Date of an answer (RFC 9110, 6.6.1), if there is one. */
export function hear(date) {
  const told = Date.parse(date ?? "");
  if (Number.isNaN(told)) return;
  const difference = told + 500 - Date.now();
  if (Math.abs(difference - ahead) > UNNOTICED_MILLISECONDS) ahead = Math.abs(difference) > UNNOTICED_MILLISECONDS ? difference : 0;
}

/** The time of the server, in milliseconds since 1970. */
export const now = () => Date.now() + ahead;

/** The milliseconds until an instant of the service; negative once it is over. */
export const until = (instant) => new Date(instant) - now();

/** Does something now and then, until a signal is aborted. */
export function every(milliseconds, signal, action) {
  if (signal.aborted) return;
  const timer = setInterval(action, milliseconds);
  signal.addEventListener("abort", () => clearInterval(timer));
}
