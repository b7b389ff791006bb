// The rows of a simulation, added up as they are read: totals, samples, and how much came in each interval.

import type { Load } from "./fluid-queue.js";
import { addSums, NO_SUMS, type PackingSums, type SimulationRow } from "./simulation-row.js";

export interface SimulationTotals {
  readonly changes: number;
  /** Captured. */
  readonly bytes: number;
  readonly sentBytes: number;
  readonly wireBytes: number;
  readonly mirrorBytes: number;
  readonly mirrorWireBytes: number;
  readonly queueBytesMax: number;
  readonly lagMsMax: number;
}

/** Seven weeks of ten seconds each; beyond that neighbours are taken together. */
const LOADS_MAX = 400_000;
const NEIGHBOUR_MS = 1000;

export class SimulationFigures {
  totals: SimulationTotals = {
    ...{ changes: 0, bytes: 0, sentBytes: 0, wireBytes: 0 },
    ...{ mirrorBytes: 0, mirrorWireBytes: 0, queueBytesMax: 0, lagMsMax: 0 },
  };
  live: PackingSums = NO_SUMS;
  mirror: PackingSums = NO_SUMS;
  /** As it was last. */
  set = { files: 0, bytes: 0 };
  readonly #loadsMax: number;
  #loads: Load[] = [];

  constructor(loadsMax = LOADS_MAX) {
    this.#loadsMax = loadsMax;
  }

  /** In order of time. */
  get loads(): readonly Load[] {
    return this.#loads;
  }

  /** Rows come in the order in which they were written. */
  add(row: SimulationRow): void {
    const { totals } = this;
    this.totals = {
      changes: totals.changes + row.changes,
      bytes: totals.bytes + row.bytes,
      sentBytes: totals.sentBytes + row.sentBytes,
      wireBytes: totals.wireBytes + row.wireBytes,
      mirrorBytes: totals.mirrorBytes + row.mirrorBytes,
      mirrorWireBytes: totals.mirrorWireBytes + row.mirrorWireBytes,
      queueBytesMax: Math.max(totals.queueBytesMax, row.queueBytes),
      lagMsMax: Math.max(totals.lagMsMax, row.lagMs),
    };
    if (row.live.bytes > 0) this.live = addSums(this.live, row.live);
    if (row.mirror.bytes > 0) this.mirror = addSums(this.mirror, row.mirror);
    if (row.setFiles > 0) this.set = { files: row.setFiles, bytes: row.setBytes };
    const last = this.#loads.at(-1);
    // After the clock was set back an interval begins where the one before it ended.
    const startMs = Math.max(row.endMs - row.seconds * 1000, last === undefined ? Number.NEGATIVE_INFINITY : endOf(last));
    this.#loads.push({ startMs, seconds: row.seconds, bytes: row.bytes });
    if (this.#loads.length > this.#loadsMax) this.#coarsen();
  }

  #coarsen(): void {
    const loads: Load[] = [];
    for (const load of this.#loads) {
      const last = loads.at(-1);
      const isSecond = last !== undefined && load.startMs - endOf(last) < NEIGHBOUR_MS && last.seconds < 1.5 * load.seconds;
      if (isSecond) loads[loads.length - 1] = { startMs: last.startMs, seconds: last.seconds + load.seconds, bytes: last.bytes + load.bytes };
      else loads.push(load);
    }
    this.#loads = loads;
  }
}

function endOf({ startMs, seconds }: Load): number {
  return startMs + seconds * 1000;
}
