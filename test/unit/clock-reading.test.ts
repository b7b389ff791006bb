import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import { bootTimeMs } from "../../src/fs/clock-reading.js";
import { threadCpuUs } from "../../src/fs/thread-time.js";

test("the time of the boot is that of the kernel, and is the same however often it is asked for", async () => {
  const bootedAt = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]) * 1000;
  const first = bootTimeMs();
  expect(Math.abs(first - bootedAt)).toBeLessThan(2000);
  for (let i = 0; i < 20; i++) {
    expect(Math.abs(bootTimeMs() - first)).toBeLessThan(0.05);
    await delay(5);
  }
});

test("the time of a thread goes on while it works", () => {
  const before = threadCpuUs();
  for (let until = performance.now() + 20; performance.now() < until; );
  const used = threadCpuUs() - before;
  expect(used).toBeGreaterThan(0);
  expect(used).toBeLessThan(60_000);
});
