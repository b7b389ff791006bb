// The queue as a person sees and sets it: on a volume of its own, filling while the target is away, its limits changed in
// operation, the alert, and everything on the target in the end.

import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { QueueReport, SetQueue } from "../../src/model/queue.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MiB = 1024 * 1024;

async function queueOf(pair: AgentPair): Promise<QueueReport & { readonly set: SetQueue }> {
  const { queue } = await pair.source.json<{ queue: QueueReport }>(["queue", "show"]);
  const [set] = queue.sets;
  if (set === undefined) throw new Error("there is no queue");
  return { ...queue, set };
}

async function captureReasons(pair: AgentPair): Promise<readonly string[]> {
  const { captures } = await pair.source.status();
  return captures.flatMap(({ reasons }) => reasons.map(({ code }) => code));
}

test.runIf(canMountImages("tmpfs"))("a queue on a volume of its own: shown, limited in operation, alerted, drained", async () => {
  const directory = makeTempDirectory();
  const volume = LoopImage.open({ type: "tmpfs", sizeMiB: 64 });
  const folder = join(volume.path, "queue");
  mkdirSync(join(directory, "a/etc"), { recursive: true });
  writeFileSync(join(directory, "a/etc/sm.yaml"), `queue: {directory: ${folder}, memoryMiB: 64, minFreeMiB: 0}\n`);
  const pair = await AgentPair.start(directory);
  await pair.connect();
  await pair.sync();
  await pair.target.stop();
  // Limits that no configuration may have are none here either, and a value that is the same again changes nothing.
  expect((await pair.source.cli(["queue", "set", "--disk-mib", "4"])).code).toBe(2);
  expect((await pair.source.cli(["queue", "set"])).code).toBe(2);
  await pair.source.json(["queue", "set", "--memory-mib", "1"]);
  const { queue } = await pair.source.json<{ queue: QueueReport }>(["queue", "set", "--disk-mib", "40"]);
  expect(queue).toMatchObject({ directory: folder, limits: { memoryMiB: 1, diskMiB: 40 }, changed: ["memoryMiB", "diskMiB"] });
  for (let i = 0; i < 24; i++) writeFileSync(join(pair.sourceDir, `f${i}`), Buffer.alloc(MiB, `${i}`));
  const full = await eventually(async () => {
    const now = await queueOf(pair);
    expect(now.set.isAlerting).toBe(true);
    expect(now.set.diskBytes).toBeGreaterThan(21 * MiB);
    const [waiting] = now.set.connections;
    expect((waiting?.memoryBytes ?? 0) + (waiting?.diskBytes ?? 0)).toBeGreaterThan(23 * MiB);
    return now;
  });
  expect(full.set.fillPercent).toBeGreaterThan(50);
  const [connection] = full.set.connections;
  expect(connection?.operations).toBeGreaterThan(0);
  expect(connection?.oldestMs).toBeGreaterThan(0);
  expect(connection?.drainSeconds).toBeNull();
  expect(readdirSync(folder).filter((name) => name.includes(".seg")).length).toBeGreaterThan(3);
  expect(await captureReasons(pair)).toContain("QUEUE_ALERT");
  expect((await pair.source.cli(["queue", "show"])).stdout).toMatch(/data {2}.* on disk in \d+ segments, \d+ % full, .* free on the volume {2}ALERT/);
  // Less than what waits would throw it away.
  expect((await pair.source.cli(["queue", "set", "--disk-mib", "10"])).stderr).toContain("would be given up");
  await pair.source.stop();
  await pair.restartSource();
  expect(await queueOf(pair)).toMatchObject({ limits: { memoryMiB: 1, diskMiB: 40 }, changed: ["memoryMiB", "diskMiB"] });
  pair.target = await pair.target.restart();
  await pair.expectEqual();
  await eventually(async () => {
    const { set } = await queueOf(pair);
    expect(set).toMatchObject({ isAlerting: false, connections: [{ operations: 0, memoryBytes: 0, diskBytes: 0, drainSeconds: 0 }] });
  });
  expect(await captureReasons(pair)).toEqual([]);
  const { queue: reset } = await pair.source.json<{ queue: QueueReport }>(["queue", "set", "--reset"]);
  expect(reset).toMatchObject({ limits: { memoryMiB: 64, diskMiB: null }, changed: [] });
});
