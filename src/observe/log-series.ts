// The files that one log goes through: which is written, and what becomes of the others when it is full.

import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

export interface LogSeries {
  /** Of the file that is written now. */
  current(): Promise<string>;
  /** It is full: the next one. */
  turn(): Promise<void>;
}

/** sm.log is the newest, then sm1.log, sm2.log and so on. */
export class ShiftedSeries implements LogSeries {
  readonly #directory: string;
  readonly #filesMax: number;

  constructor(directory: string, filesMax: number) {
    this.#directory = directory;
    this.#filesMax = filesMax;
  }

  async current(): Promise<string> {
    return this.#path(0);
  }

  async turn(): Promise<void> {
    const ages = (await agesOf(this.#directory)).reverse();
    for (const age of ages) {
      if (age + 1 >= this.#filesMax) await rm(this.#path(age), { force: true });
      else await rename(this.#path(age), this.#path(age + 1));
    }
  }

  #path(age: number): string {
    return join(this.#directory, smLogName(age));
  }
}

export function smLogName(age: number): string {
  return age === 0 ? "sm.log" : `sm${age}.log`;
}

/** Ages of the files of sm.log that there are, newest first. */
export async function agesOf(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  const ages = names.map((name) => (name === "sm.log" ? 0 : Number(/^sm([1-9]\d{0,3})\.log$/.exec(name)?.[1] ?? Number.NaN)));
  return ages.filter((age) => !Number.isNaN(age)).sort((a, b) => a - b);
}

const NUMBER_MAX = 999;

/** dtlog1.dtl, dtlog2.dtl … dtlog999.dtl, and dtlog1.dtl again: the next number is the newest. */
export class NumberedSeries implements LogSeries {
  readonly #directory: string;
  readonly #filesMax: number;
  #number: number | null = null;

  constructor(directory: string, filesMax: number) {
    this.#directory = directory;
    this.#filesMax = filesMax;
  }

  async current(): Promise<string> {
    this.#number ??= newestOf(await this.#numbers());
    return this.#path(this.#number);
  }

  async turn(): Promise<void> {
    const before = this.#number ?? newestOf(await this.#numbers());
    const next = (before % NUMBER_MAX) + 1;
    await rm(this.#path(next), { force: true });
    this.#number = next;
    const ages = (await this.#numbers()).map((number) => (next - number + NUMBER_MAX) % NUMBER_MAX);
    const old = ages.filter((age) => age >= this.#filesMax).sort((a, b) => b - a);
    // One that cannot be removed is tried again at the next turn, and holds up nothing.
    for (const age of old) await rm(this.#path(((next - age - 1 + NUMBER_MAX) % NUMBER_MAX) + 1), { force: true }).catch(() => undefined);
  }

  async #numbers(): Promise<number[]> {
    const names = await readdir(this.#directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    return numbersIn(names);
  }

  #path(number: number): string {
    return join(this.#directory, `dtlog${number}.dtl`);
  }
}

export function numbersIn(names: readonly string[]): number[] {
  return names.map((name) => Number(/^dtlog([1-9]\d{0,2})\.dtl$/.exec(name)?.[1] ?? Number.NaN)).filter((number) => !Number.isNaN(number));
}

/** The numbers of one series follow each other, round the end, too: the newest is in front of the longest gap. */
export function newestOf(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  let newest = sorted.at(-1) ?? 1;
  let gap = (sorted[0] ?? 1) - 1 + (NUMBER_MAX - newest);
  for (let i = 0; i + 1 < sorted.length; i++) {
    const [here = 0, next = 0] = [sorted[i], sorted[i + 1]];
    if (next - here - 1 > gap) {
      newest = here;
      gap = next - here - 1;
    }
  }
  return newest;
}
