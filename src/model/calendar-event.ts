// When something happens again and again, in the words of systemd's calendar events (README, "Calendar events"): parsed here, found
// in time by `calendar-event-next`. Pure.
//   event := (keyword | [days] [date] [time]) ["UTC"]     date := [years "-"] months "-" days     time := [hours ":"] minutes [":" seconds]

import { SmError } from "../base/errors.js";

export interface CalendarEvent {
  /** As it was written. */
  readonly text: string;
  readonly isUtc: boolean;
  /** Days of the week that count, 0 = Sunday. */
  readonly weekdays: ReadonlySet<number>;
  /** Each in rising order. */
  readonly years: readonly number[];
  readonly months: readonly number[];
  readonly days: readonly number[];
  readonly hours: readonly number[];
  readonly minutes: readonly number[];
  readonly seconds: readonly number[];
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

export const EVENT_LENGTH_MAX = 128;

const FIELDS = {
  years: { name: "years", min: 0, max: 2199 },
  months: { name: "months", min: 1, max: 12 },
  days: { name: "days of the month", min: 1, max: 31 },
  hours: { name: "hours", min: 0, max: 23 },
  minutes: { name: "minutes", min: 0, max: 59 },
  seconds: { name: "seconds", min: 0, max: 59 },
} as const satisfies Record<string, Field>;

const KEYWORDS: Readonly<Record<string, string>> = {
  minutely: "*:*",
  hourly: "*:00",
  daily: "00:00",
  weekly: "mon 00:00",
  monthly: "*-01 00:00",
  yearly: "01-01 00:00",
  annually: "01-01 00:00",
  quarterly: "01,04,07,10-01 00:00",
  semiannually: "01,07-01 00:00",
  "semi-annually": "01,07-01 00:00",
};

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/** CALENDAR_INVALID, with `position` (counted from 0) and `length` of the part that is wrong. */
export function parseCalendarEvent(text: string): CalendarEvent {
  return new EventParser(text).parse();
}

/** A list as it was written: which field it is shows what comes behind it. */
type List = readonly Item[];

interface Item {
  readonly at: number;
  readonly end: number;
  /** null = `*`. */
  readonly from: number | null;
  readonly to: number | null;
  readonly step: number | null;
}

class EventParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): CalendarEvent {
    const text = this.#text;
    if (text.length > EVENT_LENGTH_MAX) this.#fail(EVENT_LENGTH_MAX, text.length, `a calendar event has at most ${EVENT_LENGTH_MAX} characters`);
    this.#skipBlanks();
    if (this.#isAtEnd) this.#fail(0, text.length, 'nothing is said: give a keyword such as daily, days, a date, or a time such as "22:00"');
    const keyword = this.#takeKeyword();
    const event = keyword === undefined ? this.#spec() : new EventParser(keyword).#spec();
    this.#skipBlanks();
    const isUtc = this.#takeWord(/^utc\b/i) !== undefined;
    this.#skipBlanks();
    if (!this.#isAtEnd) this.#fail(this.#at, text.length, `${JSON.stringify(text.slice(this.#at))} is left over`);
    return { ...event, text, isUtc };
  }

  get #isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  get #rest(): string {
    return this.#text.slice(this.#at);
  }

  #fail(at: number, end: number, why: string): never {
    const data = { event: this.#text.slice(0, EVENT_LENGTH_MAX), position: at, length: Math.max(0, end - at) };
    const shown = JSON.stringify(this.#text.slice(0, EVENT_LENGTH_MAX));
    throw new SmError("CALENDAR_INVALID", `${shown} is no calendar event: ${why} (character ${at + 1})`, { data });
  }

  #skipBlanks(): void {
    while (this.#text[this.#at] === " ") this.#at += 1;
  }

  #take(sign: string): boolean {
    if (!this.#text.startsWith(sign, this.#at)) return false;
    this.#at += sign.length;
    return true;
  }

  #takeWord(pattern: RegExp): string | undefined {
    const word = pattern.exec(this.#rest)?.[0];
    if (word !== undefined) this.#at += word.length;
    return word;
  }

  #takeKeyword(): string | undefined {
    const word = /^[a-z-]+?(?=\s|utc\b|$)/i.exec(this.#rest)?.[0];
    const meaning = Object.hasOwn(KEYWORDS, word?.toLowerCase() ?? "") ? KEYWORDS[word?.toLowerCase() ?? ""] : undefined;
    if (meaning !== undefined) this.#at += word?.length ?? 0;
    return meaning;
  }

  #spec(): Omit<CalendarEvent, "text" | "isUtc"> {
    const start = this.#at;
    const weekdays = this.#weekdays();
    this.#skipBlanks();
    let date: readonly List[] | undefined;
    let time: readonly List[] | undefined;
    if (this.#isListAhead) {
      const first = this.#list();
      if (this.#isAhead("-")) {
        date = this.#more(first, "-", 3);
        if (date.length > 3) this.#fail(this.#at, this.#at + 1, "a date has at most three parts: years-months-days");
        this.#skipBlanks();
        time = this.#isListAhead ? this.#time(this.#list()) : undefined;
      } else {
        time = this.#time(first);
      }
    }
    if (weekdays === undefined && date === undefined && time === undefined) this.#fail(start, this.#text.length, this.#unreadable());
    return { weekdays: weekdays ?? new Set([0, 1, 2, 3, 4, 5, 6]), ...dateOf(date, this.#valuesOf), ...timeOf(time, this.#valuesOf) };
  }

  #unreadable(): string {
    const word = /^\S+/.exec(this.#rest)?.[0] ?? "";
    return `${JSON.stringify(word)} is neither a keyword, a day of the week, a date nor a time`;
  }

  #isAhead(sign: string): boolean {
    return this.#text[this.#at] === sign;
  }

  get #isListAhead(): boolean {
    return /^[\d*]/.test(this.#rest);
  }

  #time(first: List): readonly List[] {
    const time = this.#more(first, ":", 3);
    if (this.#isAhead("-")) this.#fail(this.#at, this.#at + 1, "the date comes before the time");
    return time;
  }

  /** What follows a first list, parted by `sign`. */
  #more(first: List, sign: string, partsMax: number): readonly List[] {
    const parts = [first];
    while (this.#isAhead(sign)) {
      if (parts.length === partsMax) this.#fail(this.#at, this.#at + 1, `there are at most ${partsMax} parts with ${JSON.stringify(sign)} between them`);
      this.#at += 1;
      if (!this.#isListAhead) this.#fail(this.#at, this.#at + 1, `a number or "*" is missing behind ${JSON.stringify(sign)}`);
      parts.push(this.#list());
    }
    return parts;
  }

  #weekdays(): ReadonlySet<number> | undefined {
    if (!/^(?!utc\b)[a-z]/i.test(this.#rest)) return undefined;
    const days = new Set<number>();
    do {
      const from = this.#weekday();
      const to = this.#take("..") ? this.#weekday() : from;
      for (let day = from; ; day = (day + 1) % 7) {
        days.add(day);
        if (day === to) break;
      }
    } while (this.#take(","));
    return days;
  }

  #weekday(): number {
    const at = this.#at;
    const word = this.#takeWord(/^[a-z]+/i) ?? "";
    const day = WEEKDAYS.findIndex((name) => name === word.toLowerCase() || name.slice(0, 3) === word.toLowerCase());
    if (day < 0) this.#fail(at, Math.max(this.#at, at + 1), word === "" ? "a day of the week is missing" : `${JSON.stringify(word)} is no day of the week`);
    return day;
  }

  #list(): List {
    const items: Item[] = [];
    do {
      const item = this.#item();
      items.push(item);
      if (items.length > 1 && items.some(({ from }) => from === null)) this.#fail(item.at, item.end, '"*" cannot be one of several');
    } while (this.#take(","));
    return items;
  }

  #item(): Item {
    const at = this.#at;
    const from = this.#take("*") ? null : this.#number();
    const to = from !== null && this.#take("..") ? this.#number() : null;
    const stepAt = this.#at;
    const step = this.#take("/") ? this.#number() : null;
    if (step === 0) this.#fail(stepAt + 1, this.#at, "a step is at least 1");
    if (from !== null && to !== null && from > to) this.#fail(at, this.#at, `${from} is above ${to}`);
    return { at, end: this.#at, from, to, step };
  }

  #number(): number {
    const at = this.#at;
    const digits = this.#takeWord(/^\d+/);
    if (digits === undefined) this.#fail(at, at + 1, "a number is missing");
    if (digits.length > 4) this.#fail(at, this.#at, `${digits} is too large`);
    return Number(digits);
  }

  readonly #valuesOf = (field: Field, list: List): readonly number[] => {
    const values = new Set<number>();
    for (const { at, end, from, to, step } of list) {
      for (const value of [from, to]) {
        if (value !== null && (value < field.min || value > field.max)) this.#fail(at, end, `${field.name} are ${field.min} to ${field.max}, not ${value}`);
      }
      if (step !== null && step > field.max) this.#fail(at, end, `a step of ${field.name} is at most ${field.max}, not ${step}`);
      const last = from === null || (to === null && step !== null) ? field.max : (to ?? from);
      for (let value = from ?? field.min; value <= last; value += step ?? 1) values.add(value);
    }
    return [...values].sort((a, b) => a - b);
  };
}

type ValuesOf = (field: Field, list: List) => readonly number[];

const ALL: List = [{ at: 0, end: 0, from: null, to: null, step: null }];
const ZERO: List = [{ at: 0, end: 0, from: 0, to: null, step: null }];

function dateOf(parts: readonly List[] | undefined, valuesOf: ValuesOf): Pick<CalendarEvent, "years" | "months" | "days"> {
  const [days = ALL, months = ALL, years = ALL] = [...(parts ?? [])].reverse();
  return { years: valuesOf(FIELDS.years, years), months: valuesOf(FIELDS.months, months), days: valuesOf(FIELDS.days, days) };
}

/** None is midnight; a single part is minutes. */
function timeOf(parts: readonly List[] | undefined, valuesOf: ValuesOf): Pick<CalendarEvent, "hours" | "minutes" | "seconds"> {
  const [hours, minutes, seconds] = parts === undefined ? [ZERO, ZERO, ZERO] : parts.length === 1 ? [ALL, parts[0] ?? ALL, ZERO] : parts;
  return {
    hours: valuesOf(FIELDS.hours, hours ?? ALL),
    minutes: valuesOf(FIELDS.minutes, minutes ?? ZERO),
    seconds: valuesOf(FIELDS.seconds, seconds ?? ZERO),
  };
}
