// Numbers, sizes, dates and durations in words.

const NUMBER = new Intl.NumberFormat("en");
const DATE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "long" });
const TIME = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
const ZONED_TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZoneName: "short" });

export const number = (value) => NUMBER.format(value);

/** "1 row", "4,812 rows". */
export const count = (value, one, many = `${one}s`) => `${NUMBER.format(value)} ${value === 1 ? one : many}`;

export const dateTime = (text) => DATE.format(new Date(text));

/** "11:18" today, else with the day. */
export function time(text) {
  const at = new Date(text);
  return DAY.format(at) === DAY.format(new Date()) ? TIME.format(at) : DATE.format(at);
}

/** For what is kept: "29 November 2026, 10:28 CET". */
export const zoned = (text) => `${DAY.format(new Date(text))}, ${ZONED_TIME.format(new Date(text))}`;

/** A size in bytes, in the largest unit that keeps a digit in front of the point. */
export function bytes(size) {
  const units = ["bytes", "kB", "MB", "GB"];
  let value = size;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? count(size, "byte") : `${value.toFixed(value < 9.95 ? 1 : 0)} ${units[unit]}`;
}

/** What is left of a span of time, in words that do not need to be exact until the end is near. */
export function remaining(milliseconds) {
  if (milliseconds <= 0) return "no time";
  const seconds = Math.floor(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return count(Math.floor(hours / 24), "day");
  if (hours >= 1) return minutes % 60 ? `${count(hours, "hour")} ${count(minutes % 60, "minute")}` : count(hours, "hour");
  if (minutes >= 10) return count(minutes, "minute");
  if (minutes >= 1) return `${count(minutes, "minute")} ${count(seconds % 60, "second")}`;
  return count(seconds, "second");
}
