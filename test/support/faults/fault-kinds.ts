// What goes wrong. Each fault is made while the tree changes, lasts a while, and is over when it returns.

import { closeSync, openSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { delay } from "../../../src/base/wait.js";
import { eventually } from "../eventually.js";
import type { SeededRandom } from "../seeded-random.js";
import type { FaultSite } from "./fault-site.js";

export interface Fault {
  readonly name: string;
  /** The whole copy has to be sent again. */
  readonly isReplacing?: boolean;
  /** The tree is away meanwhile: nothing can go on in it. */
  readonly isTreeAway?: boolean;
  make(site: FaultSite, random: SeededRandom): Promise<void>;
}

/** Longer than a peer that is silent is waited for, now and then. */
const SILENCE_MS_MAX = 13_000;

async function aWhile(random: SeededRandom, maxMs = 3000): Promise<void> {
  await delay(random.integer(50, maxMs));
}

const KILLS: readonly Fault[] = [
  {
    name: "kill -9 of the source",
    make: async ({ pair }, random) => {
      await aWhile(random);
      await pair.source.kill9();
      await aWhile(random);
      await pair.restartSource();
    },
  },
  {
    name: "kill -9 of the target",
    make: async ({ pair }, random) => {
      await aWhile(random);
      await pair.target.kill9();
      await aWhile(random);
      await pair.restartTarget();
    },
  },
  {
    name: "kill -9 of both",
    make: async ({ pair }, random) => {
      await aWhile(random);
      await Promise.all([pair.source.kill9(), pair.target.kill9()]);
      await aWhile(random);
      await Promise.all([pair.restartSource(), pair.restartTarget()]);
    },
  },
  {
    name: "the source worker dies, again and again",
    make: async ({ pair }, random) => {
      await pair.source.kill9();
      pair.source = await pair.source.restart({ failpoint: `capture.set.beforePost:${random.integer(2, 20)}:thread` });
      await delay(5000);
      await pair.source.stop();
      await pair.restartSource();
    },
  },
  {
    name: "the apply worker dies, again and again",
    make: async ({ pair }, random) => {
      await pair.target.kill9();
      const point = random.pick(["apply.change.afterIntent", "apply.change.afterDeed", "apply.set.beforeCursor", "apply.group.midApply"]);
      pair.target = await pair.target.restart({ failpoint: `${point}:${random.integer(2, 20)}:thread` });
      await delay(5000);
      await pair.target.stop();
      await pair.restartTarget();
    },
  },
];

const SILENCES: readonly Fault[] = (["source", "target"] as const).map((side) => ({
  name: `SIGSTOP of the ${side}`,
  make: async ({ pair }, random) => {
    await aWhile(random);
    pair[side].pause();
    await aWhile(random, SILENCE_MS_MAX);
    pair[side].resume();
  },
}));

const FULL_DISKS: readonly Fault[] = (["targetVolume", "sourceState", "targetState"] as const).map((volume) => ({
  name: `disk full: ${volume}`,
  make: async (site, random) => {
    await aWhile(random);
    const { free } = site.fill(site[volume]);
    await aWhile(random, 5000);
    free();
  },
}));

function damage(path: string, random: SeededRandom): void {
  const { size } = statSync(path);
  const kind = random.pick(["deleted", "truncated", "one byte"] as const);
  if (kind === "deleted") rmSync(path);
  else if (kind === "truncated") truncateSync(path, random.integer(0, size - 1));
  else overwriteByte(path, random.integer(0, size - 1), random.integer(0, 255));
}

function overwriteByte(path: string, at: number, byte: number): void {
  const fd = openSync(path, "r+");
  writeSync(fd, Buffer.from([byte]), 0, 1, at);
  closeSync(fd);
}

const QUEUE: readonly Fault[] = [true, false].map((isRunning) => ({
  name: `a segment of the queue is damaged while the source ${isRunning ? "runs" : "is down"}`,
  make: async (site, random) => {
    const { pair } = site;
    await pair.target.kill9();
    await delay(4000);
    if (!isRunning) await pair.source.stop();
    const segments = site.segments();
    if (segments.length > 0) damage(random.pick(segments), random);
    if (!isRunning) await pair.restartSource();
    await pair.restartTarget();
  },
}));

const NETWORK: readonly Fault[] = [
  {
    name: "the cable is pulled",
    make: async ({ net }, random) => {
      await aWhile(random);
      net.linkDown();
      await aWhile(random, SILENCE_MS_MAX);
      net.linkUp();
    },
  },
  {
    name: "the link is slow",
    make: async (site, random) => {
      const { clear } = site.shape("a", ["tbf", "rate", `${random.integer(1, 20)}mbit`, "burst", "32kbit", "latency", "200ms"]);
      await aWhile(random, 6000);
      clear();
    },
  },
  ...(["a", "b"] as const).map(
    (end): Fault => ({
      name: `only the other way is open: nothing leaves ${end}`,
      make: async (site, random) => {
        await aWhile(random);
        // A rate at which no packet of any length passes.
        const { clear } = site.shape(end, ["tbf", "rate", "8bit", "burst", "1", "limit", "1"]);
        await aWhile(random, SILENCE_MS_MAX);
        clear();
      },
    }),
  ),
  {
    name: "a storm of broken links",
    make: async (site, random) => {
      for (let i = 0; i < 15; i++) {
        site.cutSockets();
        await aWhile(random, 400);
      }
    },
  },
];

const PLACES: readonly Fault[] = [
  {
    name: "the target is replaced by an empty one",
    isReplacing: true,
    make: async ({ pair }) => {
      await pair.target.kill9();
      rmSync(join(pair.target.home, "state", "target"), { recursive: true });
      rmSync(pair.targetDir, { recursive: true });
      await pair.restartTarget();
    },
  },
  {
    name: "the tree of the source is unmounted and mounted again",
    isTreeAway: true,
    make: async ({ sourceVolume }, random) => {
      await eventually(() => sourceVolume.unmount());
      await aWhile(random, 4000);
      sourceVolume.mount();
    },
  },
];

export const FAULTS: readonly Fault[] = [...KILLS, ...SILENCES, ...FULL_DISKS, ...QUEUE, ...NETWORK, ...PLACES];
