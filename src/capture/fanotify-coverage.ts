// What the fanotify source says of itself.

import { displayPath } from "../model/byte-path.js";
import type { CaptureCoverage } from "../model/capture-port.js";
import { blindSpotsOf } from "./fanotify-probe.js";
import type { UnmarkedMount } from "./marked-mounts.js";
import type { MountedTree } from "./mounted-tree.js";

export interface FanotifyFigures {
  readonly trees: readonly MountedTree[];
  readonly unmarked: readonly UnmarkedMount[];
  readonly walkSeconds: number;
  readonly events: number;
  readonly eventsPerSecond: number;
  /** Events counted in the kernel's queue while reading was behind; 0 = it is not. */
  readonly queued: number;
  readonly losses: number;
  /** Sets that share a mark of this one, with it. */
  readonly sharers: number;
}

export function coverageOf(figures: FanotifyFigures): CaptureCoverage {
  const { trees, unmarked, queued, eventsPerSecond } = figures;
  const types = [...new Set(trees.map(({ options }) => options.fsType))];
  const watched = trees.reduce((sum, { index }) => sum + index.size, 0);
  const shared = figures.sharers > 1 ? `, a mark shared by ${figures.sharers} sets` : "";
  const named = types.length === 0 ? "no file system now" : types.join(", ");
  return {
    tier: 3,
    source: "fanotify",
    why: `fanotify marks whole file systems (${named}) and reports every change on them${shared}; ${eventsPerSecond} events/s now`,
    blindSpots: [...new Set(types.flatMap(blindSpotsOf)), ...unmarked.map((mount) => `${displayPath(mount.path)} is only walked: ${mount.reason}`)],
    directoriesWatched: watched,
    directoriesTotal: watched + unmarked.length,
    walkSeconds: unmarked.length > 0 ? figures.walkSeconds : 0,
    advice:
      queued === 0
        ? null
        : `events come faster than they are worked on: ${queued} wait in the kernel's memory; give the agent more CPU, or exclude what is written so much`,
    events: figures.events,
    losses: figures.losses,
  };
}
