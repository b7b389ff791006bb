// What a stretch of changes asks of a link and of a queue, from how many bytes came in each interval. Within an interval they are
// taken to come evenly; between intervals nothing comes.

export interface Load {
  readonly startMs: number;
  readonly seconds: number;
  readonly bytes: number;
}

/** Sums of many intervals are not exact. */
const ROUNDING_SECONDS = 1e-9;

/** The longest that a byte waits (seconds) in a queue that leaves at a constant rate (bytes per second). Loads in order of time. */
export function longestWait(loads: readonly Load[], bytesPerSecond: number): number {
  let queued = 0;
  let most = 0;
  let endMs = loads[0]?.startMs ?? 0;
  for (const { startMs, seconds, bytes } of loads) {
    const pauseSeconds = Math.max(0, startMs - endMs) / 1000;
    queued = Math.max(0, queued - pauseSeconds * bytesPerSecond);
    queued = Math.max(0, queued + bytes - seconds * bytesPerSecond);
    most = Math.max(most, queued);
    endMs = startMs + seconds * 1000;
  }
  return most === 0 ? 0 : most / bytesPerSecond;
}

/** The smallest constant rate, in whole bytes per second, at which no byte ever waits longer. */
export function requiredRate(loads: readonly Load[], lagSeconds: number): number {
  let tooLittle = 0;
  let enough = Math.ceil(loads.reduce((most, { bytes, seconds }) => Math.max(most, bytes / seconds), 0));
  while (enough - tooLittle > 1) {
    const middle = Math.floor((enough + tooLittle) / 2);
    if (longestWait(loads, middle) <= lagSeconds + ROUNDING_SECONDS) enough = middle;
    else tooLittle = middle;
  }
  return enough;
}

export interface WorstWindow {
  readonly bytes: number;
  /** Where it begins. */
  readonly fromMs: number;
}

/** The window of that length in which most came: what a queue must hold when nothing leaves it for so long. */
export function worstWindow(loads: readonly Load[], seconds: number): WorstWindow {
  const edges = loads.map(({ startMs, seconds: own }) => ({ startMs, endMs: startMs + own * 1000 }));
  const sums = [0];
  for (const { bytes } of loads) sums.push((sums.at(-1) as number) + bytes);
  let at = 0;
  const until = (ms: number): number => {
    while (at > 0 && (edges[at]?.startMs ?? 0) > ms) at -= 1;
    while (at < loads.length - 1 && (edges[at]?.endMs ?? 0) < ms) at += 1;
    const edge = edges[at];
    const load = loads[at];
    if (edge === undefined || load === undefined) return 0;
    const share = Math.min(1, Math.max(0, (ms - edge.startMs) / (edge.endMs - edge.startMs)));
    return (sums[at] as number) + share * load.bytes;
  };
  let worst: WorstWindow = { bytes: 0, fromMs: loads[0]?.startMs ?? 0 };
  const take = (bytes: number, fromMs: number): void => {
    if (bytes > worst.bytes) worst = { bytes, fromMs };
  };
  const lengthMs = seconds * 1000;
  // The most is in a window that begins, or ends, where an interval does: in between the sums are straight lines.
  for (const [index, { startMs }] of edges.entries()) take(until(startMs + lengthMs) - (sums[index] as number), startMs);
  at = 0;
  for (const [index, { endMs }] of edges.entries()) take((sums[index + 1] as number) - until(endMs - lengthMs), endMs - lengthMs);
  return { bytes: Math.ceil(worst.bytes), fromMs: worst.fromMs };
}
