// What a person says about the transmission of a connection, between two real agents: nothing is lost, nothing leaks.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TargetConnectionReport } from "../../src/model/status.js";
import type { TransmissionReport } from "../../src/model/transmission-report.js";
import { AgentPair } from "../support/agent-pair.js";
import { freePort } from "../support/agent-process.js";
import { ChaosProxy } from "../support/chaos-proxy.js";
import { readManifest } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const WAIT = { timeoutMs: 30_000 };

function write(pair: AgentPair, name: string, content: string | Buffer = name): void {
  mkdirSync(pair.sourceDir, { recursive: true });
  writeFileSync(join(pair.sourceDir, name), content);
}

async function transmission(pair: AgentPair, ...args: readonly string[]): Promise<TransmissionReport> {
  const [verb = "show", ...rest] = args;
  const answer = await pair.source.json<{ transmission: TransmissionReport }>(["transmission", verb, `${pair.connectionId}`, ...rest]);
  return answer.transmission;
}

/** Resolves when the change is captured and queued. */
async function queued(pair: AgentPair): Promise<void> {
  await eventually(async () => expect((await pair.report()).queuedOps).toBeGreaterThan(0), WAIT);
}

test("stopped and paused, restarted or not: what changes is queued, and is on the target afterwards", { timeout: 120_000 }, async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  write(pair, "first");
  await pair.connect();
  await pair.expectEqual();
  const before = await readManifest(pair.targetDir);

  expect(await transmission(pair, "stop")).toMatchObject({ mode: "Stopped", manual: "stopped" });
  write(pair, "stopped");
  await queued(pair);
  await eventually(async () => expect(await pair.report()).toMatchObject({ state: "held", transmitMode: "Stopped", connectedSince: null }), WAIT);
  const [reason] = (await pair.report()).reasons;
  expect(reason).toMatchObject({ code: "TRANSMISSION_STOPPED", command: `sm transmission start ${pair.connectionId}` });

  await pair.source.stop();
  await pair.restartSource();
  expect(await pair.report()).toMatchObject({ state: "held", transmitMode: "Stopped" });
  write(pair, "stopped and restarted");
  await queued(pair);
  expect(await readManifest(pair.targetDir)).toEqual(before);
  expect((await pair.source.cli(["transmission", "resume", "1"])).code).toBe(2);

  await transmission(pair, "start");
  await pair.expectEqual();
  expect(await pair.report()).toMatchObject({ transmitMode: "Started", reasons: [] });

  await transmission(pair, "pause");
  const paused = await readManifest(pair.targetDir);
  write(pair, "paused", Buffer.alloc(3 << 20, 7));
  await queued(pair);
  expect(await pair.report()).toMatchObject({ state: "streaming", transmitMode: "Paused", connectedSince: expect.any(String) });
  expect(await readManifest(pair.targetDir)).toEqual(paused);
  await transmission(pair, "resume");
  await pair.expectEqual();
});

test("outside of its window not a byte passes; a schedule is kept, disabled and cleared", { timeout: 120_000 }, async () => {
  const directory = makeTempDirectory();
  // A window of local time that is closed for hours: the agent's zone makes it so.
  const hour = (new Date().getUTCHours() + 12) % 24;
  const two = (value: number): string => String(value).padStart(2, "0");
  const port = await freePort();
  const proxy = await ChaosProxy.open({ host: "127.0.0.1", port });
  const targetAgent = { listen: `127.0.0.1:${port}` };
  const pair = await AgentPair.start(directory, { dial: `127.0.0.1:${proxy.port}`, sourceAgent: { environment: { TZ: "UTC" } }, targetAgent });
  write(pair, "first");
  await pair.connect();
  await pair.expectEqual();

  const report = await transmission(pair, "schedule", "--window", `${two(hour)}:00-${two((hour + 1) % 24)}:00`);
  expect(report).toMatchObject({ commitMode: "Scheduled", isWindowOpen: false });
  await eventually(async () => expect(await pair.report()).toMatchObject({ transmitMode: "Scheduled", connectedSince: null }), WAIT);
  await eventually(() => expect(proxy.openLinks).toBe(0), WAIT);
  const bytes = proxy.forwardedBytes;
  write(pair, "outside", Buffer.alloc(1 << 20, 1));
  await queued(pair);
  expect((await transmission(pair, "start")).mode).toBe("Scheduled");
  await pair.source.stop();
  await pair.restartSource();
  await queued(pair);
  const [reason] = (await pair.report()).reasons;
  expect(reason).toMatchObject({ code: "TRANSMISSION_SCHEDULED", nextAt: expect.stringContaining(`T${two(hour)}:00:00`) });
  expect(proxy.forwardedBytes).toBe(bytes);

  expect((await transmission(pair, "schedule", "--disable")).schedule).toMatchObject({ enabled: false, window: { open: `${two(hour)}:00` } });
  await pair.expectEqual();
  await transmission(pair, "schedule", "--enable", "--window", "none", "--queue-bytes", "2MiB");
  write(pair, "below", Buffer.alloc(100_000, 2));
  await queued(pair);
  await eventually(async () => expect((await pair.report()).transmitMode).toBe("Scheduled"));
  write(pair, "above", Buffer.alloc(3 << 20, 3));
  await pair.expectEqual();
  await eventually(async () => expect((await pair.report()).transmitMode).toBe("Scheduled"), WAIT);
  expect((await transmission(pair, "schedule", "--clear")).schedule).toBeNull();
  await pair.expectEqual();
});

test("a limit holds, and is kept over a restart", { timeout: 120_000 }, async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  write(pair, "first");
  await pair.connect();
  await pair.expectEqual();
  const rate = 1 << 20;
  await transmission(pair, "limit", "1MiB");
  await transmission(pair, "stop");
  write(pair, "large", Buffer.alloc(24 << 20, 5));
  await queued(pair);
  const sent = (await pair.report()).sentCompressedBytes;
  const begun = performance.now();
  await transmission(pair, "start");
  await eventually(async () => expect((await pair.report()).sentCompressedBytes - sent).toBeGreaterThan(3 * rate), WAIT);
  const bytes = (await pair.report()).sentCompressedBytes - sent;
  const seconds = (performance.now() - begun) / 1000;
  // The burst, and one set that was counted with its last piece.
  expect(bytes).toBeLessThanOrEqual(seconds * rate * 1.05 + 0.2 * rate);
  await pair.source.stop();
  await pair.restartSource();
  expect(await transmission(pair)).toMatchObject({ limit: { standing: { bytesPerSecond: rate } } });
  expect((await transmission(pair, "limit", "--clear")).limit).toEqual({ standing: null, times: [] });
  await pair.expectEqual();
});

test("a paused target applies nothing, restarted or not, and its source queues", { timeout: 120_000 }, async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  write(pair, "first");
  await pair.connect();
  await pair.expectEqual();
  const targetReport = async (): Promise<TargetConnectionReport | undefined> => (await pair.target.status()).targets[0];
  await pair.target.json(["target", "pause"]);
  await eventually(async () => expect(await targetReport()).toMatchObject({ pause: "paused", reasons: [{ code: "TARGET_PAUSED" }] }), WAIT);
  await eventually(async () => expect((await pair.report()).targetStatus).toBe("Paused"), WAIT);
  const before = await readManifest(pair.targetDir);
  write(pair, "while it is paused", Buffer.alloc(20 << 20, 9));
  await queued(pair);
  await pair.target.stop();
  await pair.restartTarget();
  await eventually(async () => expect((await pair.report()).targetStatus).toBe("Paused"), WAIT);
  expect(await targetReport()).toMatchObject({ pause: "paused" });
  await eventually(async () => expect((await pair.report()).reasons[0]).toMatchObject({ code: "TARGET_PAUSED" }));
  expect(await readManifest(pair.targetDir)).toEqual(before);
  expect((await pair.target.cli(["target", "resume", "77"])).code).toBe(2);
  await pair.target.json(["target", "resume"]);
  await pair.expectEqual();
  expect(await pair.report()).toMatchObject({ targetStatus: "OK", reasons: [] });
});

test("an automatic limit measures the path, holds to a share of it, and is kept over a restart", { timeout: 120_000 }, async () => {
  const directory = makeTempDirectory();
  const port = await freePort();
  const proxy = await ChaosProxy.open({ host: "127.0.0.1", port });
  const pair = await AgentPair.start(directory, { dial: `127.0.0.1:${proxy.port}`, targetAgent: { listen: `127.0.0.1:${port}` } });
  write(pair, "first");
  await pair.connect();
  await pair.expectEqual();
  expect(await transmission(pair, "limit", "--automatic")).toMatchObject({ limit: { standing: { automatic: true } }, measured: null });
  // Few MiB in a second.
  proxy.setDelay(20);
  let files = 0;
  await eventually(
    async () => {
      const report = await transmission(pair);
      if (report.queuedOps === 0) write(pair, `large${files++ % 6}`, Buffer.alloc(32 << 20, `${files} `));
      expect(report).toMatchObject({ measured: expect.anything(), isMeasuring: false });
      expect(report.bytesPerSecondNow).toBeLessThan(report.measured?.bytesPerSecond ?? 0);
    },
    { timeoutMs: 90_000 },
  );
  const shown = await pair.source.cli(["transmission", "show", `${pair.connectionId}`]);
  expect(shown.stdout).toMatch(/limit +automatic: 70 % [\s\S]*measured +[^\n]* round trip/);
  proxy.setDelay(0);
  await transmission(pair, "stop");
  await pair.source.stop();
  await pair.restartSource();
  expect((await transmission(pair)).measured).not.toBeNull();
  await transmission(pair, "limit", "--clear");
  await transmission(pair, "start");
  await pair.expectEqual();
});
