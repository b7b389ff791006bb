// The four types of the language and what can be done with them. Everything is checked: a value that does not fit is an error.

import { SmError } from "../base/errors.js";

export type Value =
  | { readonly type: "integer"; readonly integer: number }
  | { readonly type: "string"; readonly text: string }
  /** `day` = year, month and day as digits: 20261121. */
  | { readonly type: "date"; readonly day: number }
  /** Seconds since midnight. */
  | { readonly type: "time"; readonly seconds: number };

export type ValueType = Value["type"];

/** A string that a script makes is at most this long, in UTF-16 code units. */
export const TEXT_LENGTH_MAX = 1024 * 1024;

export function integerValue(integer: number): Value {
  if (!Number.isSafeInteger(integer)) throw new SmError("SCRIPT_VALUE", "the result is beyond 9007199254740991: that is the largest integer");
  // -0 would be printed as a number of its own.
  return { type: "integer", integer: integer === 0 ? 0 : integer };
}

export function textValue(text: string): Value {
  if (text.length > TEXT_LENGTH_MAX) throw new SmError("SCRIPT_VALUE", `the text is longer than ${TEXT_LENGTH_MAX} characters`);
  return { type: "string", text };
}

const pad = (value: number, width = 2): string => String(value).padStart(width, "0");

/** As a script writes it. */
export function valueText(value: Value): string {
  switch (value.type) {
    case "integer":
      return String(value.integer);
    case "string":
      return value.text;
    case "date":
      return `${pad(Math.floor(value.day / 100) % 100)}/${pad(value.day % 100)}/${pad(Math.floor(value.day / 10_000), 4)}`;
    case "time":
      return `${pad(Math.floor(value.seconds / 3600))}:${pad(Math.floor(value.seconds / 60) % 60)}:${pad(value.seconds % 60)}`;
  }
}

/** A number for an integer, text for the rest. */
export function plainValue(value: Value): number | string {
  return value.type === "integer" ? value.integer : valueText(value);
}

/** "11/21/2026" or "11/21/26", a real day; undefined = it is none. */
export function dateFrom(text: string): Value | undefined {
  const match = /^(\d{1,2})\/(\d{1,2})\/(\d{4}|\d\d)$/.exec(text);
  if (match === null) return undefined;
  const [month, day] = [Number(match[1]), Number(match[2])];
  const year = Number(match[3]) + (match[3]?.length === 2 ? 2000 : 0);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // 02/30 would be taken for 03/02.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return { type: "date", day: year * 10_000 + month * 100 + day };
}

/** "22:00" or "22:00:30"; undefined = it is no time of day. */
export function timeFrom(text: string): Value | undefined {
  const match = /^(\d{1,2}):(\d\d)(?::(\d\d))?$/.exec(text);
  if (match === null) return undefined;
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  return hours < 24 && minutes < 60 && seconds < 60 ? { type: "time", seconds: hours * 3600 + minutes * 60 + seconds } : undefined;
}

export function today(now: Date): Value {
  return { type: "date", day: now.getFullYear() * 10_000 + (now.getMonth() + 1) * 100 + now.getDate() };
}

export function timeOfDay(now: Date): Value {
  return { type: "time", seconds: now.getHours() * 3600 + now.getMinutes() * 60 + now.getSeconds() };
}
