// The pulse of a worker thread, in memory that its owner sees while the thread is inside one long call: how often its event loop came
// round, how much work it did (a directory read, a block, a change), and what it is at. Two counters and a text; 1 KiB.
//   0 work, 4 turns, 8 length of the text, 12 text (latin1)

const TEXT_AT = 12;
const TEXT_BYTES_MAX = 1012;
const TURN_MS = 500;

export interface Pulse {
  readonly work: number;
  readonly turns: number;
  /** What it is at, or was last: a path in bytes. */
  readonly what: string;
}

export function createPulse(): SharedArrayBuffer {
  return new SharedArrayBuffer(TEXT_AT + TEXT_BYTES_MAX);
}

/** Torn between two texts at worst: for people only. */
export function readPulse(pulse: SharedArrayBuffer): Pulse {
  const counters = new Int32Array(pulse, 0, 3);
  const length = Math.max(0, Math.min(TEXT_BYTES_MAX, Atomics.load(counters, 2)));
  return { work: Atomics.load(counters, 0), turns: Atomics.load(counters, 1), what: Buffer.from(pulse, TEXT_AT, length).toString("latin1") };
}

let counters: Int32Array | null = null;
let text: Buffer | null = null;

/** From now on this thread is seen in `pulse`. */
export function attachPulse(pulse: SharedArrayBuffer): void {
  counters = new Int32Array(pulse, 0, 3);
  text = Buffer.from(pulse, TEXT_AT);
  setInterval(() => count(1), TURN_MS).unref();
}

/** A piece of work is done. Costs next to nothing, also where nobody looks. */
export function beat(): void {
  count(0);
}

export function beginWork(what: string): void {
  if (counters === null || text === null) return;
  counters[2] = text.write(what, 0, "latin1");
  count(0);
}

function count(at: 0 | 1): void {
  if (counters !== null) counters[at] = ((counters[at] as number) + 1) | 0;
}
