// What is lost is told, and what is left behind is cleared away. Needs root, tracefs and ext4.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { SmError } from "../../src/base/errors.js";
import { MARK_BY_US } from "../../src/capture/range-table.js";
import { TraceRanges } from "../../src/capture/trace-ranges.js";
import { findTraceVolume, type TraceVolume } from "../../src/capture/trace-volume.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { canTrace, listInstances, withTracefs } from "../support/trace-kit.js";

const skip = !canTrace() || !canMountImages("ext4");
const DIST = fileURLToPath(new URL("../../dist/capture/", import.meta.url));

function mountVolume(): { readonly directory: string; readonly volume: TraceVolume } {
  const image = LoopImage.open({ type: "ext4", sizeMiB: 64 });
  const volume = findTraceVolume(image.path);
  if ("reason" in volume) throw new Error(volume.reason);
  return { directory: image.path, volume };
}

function writeMany(path: string, writes: number): void {
  const fd = openSync(path, "w");
  const bytes = Buffer.alloc(512, 1);
  for (let i = 0; i < writes; i++) writeSync(fd, bytes, 0, bytes.length, (i % 8192) * 512);
  closeSync(fd);
}

describe.skipIf(skip)("loss", () => {
  test("a burst that the ring cannot hold is counted to the last record", () => {
    const { directory, volume } = mountVolume();
    const ranges = TraceRanges.open({ volumes: [volume], bufferKiB: 64, withMapCalls: false });
    try {
      ranges.drain();
      writeMany(join(directory, "f"), 20_000);
      const { events, lost } = ranges.drain();
      expect(lost).toBeGreaterThan(10_000);
      // Each write is one record; making the file and its truncation are a few more.
      expect(events + lost).toBeGreaterThanOrEqual(20_000);
      expect(events + lost).toBeLessThan(20_020);
      writeMany(join(directory, "g"), 100);
      expect(ranges.drain().lost).toBe(0);
    } finally {
      ranges.close();
    }
  });

  test("more inodes than the table holds: everything is in doubt", () => {
    const { directory, volume } = mountVolume();
    const limits = { rangesPerInodeMax: 16, rangesMax: 64, inodesMax: 20 };
    const ranges = TraceRanges.open({ volumes: [volume], limits });
    try {
      for (let i = 0; i < 40; i++) writeFileSync(join(directory, `f${i}`), "content");
      expect(ranges.drain().lost).toBe(0);
      const taken = [...ranges.take().values()];
      expect(taken.filter((dirty) => dirty.ranges !== "whole")).toHaveLength(20);
      expect(taken).toHaveLength(40);
      for (let i = 0; i < 80; i++) writeFileSync(join(directory, `f${i}`), "content");
      expect(ranges.drain().lost).toBe(1);
      ranges.take();
      expect(ranges.drain().lost).toBe(0);
    } finally {
      ranges.close();
    }
  });

  test("recording that somebody stopped is started again, and is a loss", () => {
    const { directory, volume } = mountVolume();
    const ranges = TraceRanges.open({ volumes: [volume] });
    try {
      ranges.audit();
      expect(ranges.drain().lost).toBe(0);
      const [instance] = listInstances(process.pid);
      withTracefs((path) => writeFileSync(`${path}/instances/${instance}/tracing_on`, "0"));
      writeFileSync(join(directory, "f"), "unseen");
      expect(ranges.drain()).toEqual({ events: 0, lost: 0 });
      ranges.audit();
      expect(ranges.drain().lost).toBe(1);
      writeFileSync(join(directory, "g"), "seen");
      expect(ranges.drain().events).toBeGreaterThan(0);
    } finally {
      ranges.close();
    }
  });

  test("writes of this process are marked, not dropped", () => {
    const { directory, volume } = mountVolume();
    const ranges = TraceRanges.open({ volumes: [volume] });
    try {
      writeFileSync(join(directory, "f"), "by us");
      ranges.drain();
      const [dirty] = ranges.take().values();
      expect(dirty).toMatchObject({ marks: MARK_BY_US, ranges: [[0, 4096]], reach: 5 });
    } finally {
      ranges.close();
    }
  });
});

describe.skipIf(skip)("instances", () => {
  test("gone when closed; closing twice is allowed", () => {
    const { volume } = mountVolume();
    const before = listInstances(process.pid).length;
    const ranges = TraceRanges.open({ volumes: [volume] });
    expect(listInstances(process.pid)).toHaveLength(before + 1);
    const descriptors = readdirSync("/proc/self/fd").length;
    ranges.close();
    ranges.close();
    expect(listInstances(process.pid)).toHaveLength(before);
    expect(readdirSync("/proc/self/fd").length).toBeLessThan(descriptors);
  });

  test("two at once do not disturb each other", () => {
    const { directory, volume } = mountVolume();
    const first = TraceRanges.open({ volumes: [volume] });
    const second = TraceRanges.open({ volumes: [volume] });
    try {
      writeFileSync(join(directory, "f"), "for both");
      for (const ranges of [first, second]) {
        ranges.drain();
        expect(ranges.take().size).toBe(1);
      }
      first.close();
      writeFileSync(join(directory, "g"), "for the second");
      second.drain();
      expect(second.take().size).toBe(1);
    } finally {
      first.close();
      second.close();
    }
  });

  test("what a killed process left is removed by the next start, what a living one uses is not", async () => {
    const { directory, volume } = mountVolume();
    const script = `import { TraceRanges } from "${DIST}trace-ranges.js"; import { findTraceVolume } from "${DIST}trace-volume.js";
      TraceRanges.open({ volumes: [findTraceVolume(${JSON.stringify(directory)})] }); console.log("open"); setInterval(() => {}, 1000);`;
    const children = [1, 2].map(() => spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] }));
    await Promise.all(children.map((child) => once(child.stdout as NodeJS.ReadableStream, "data")));
    const [killed, living] = children;
    const exited = once(killed!, "exit");
    killed?.kill("SIGKILL");
    await exited;
    expect(listInstances(killed?.pid ?? 0)).toHaveLength(1);
    TraceRanges.open({ volumes: [volume] }).close();
    expect(listInstances(killed?.pid ?? 0)).toHaveLength(0);
    expect(listInstances(living?.pid ?? 0)).toHaveLength(1);
    const ended = once(living!, "exit");
    living?.kill("SIGKILL");
    await ended;
    TraceRanges.open({ volumes: [volume] }).close();
    expect(listInstances(living?.pid ?? 0)).toHaveLength(0);
  });

  test("a file system without events is refused with the reason", () => {
    expect(findTraceVolume("/dev/shm")).toEqual({ reason: "the kernel has no events that tell which bytes were written on tmpfs" });
    expect(findTraceVolume("/proc")).toHaveProperty("reason");
    expect(findTraceVolume("/nowhere")).toHaveProperty("reason");
    expect(() => TraceRanges.open({ volumes: [] })).toThrow(SmError);
  });
});
