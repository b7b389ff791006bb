// A connection over several sockets, between two real agents, while single ones of them are killed: nothing is lost, nothing out of order.

import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { AgentPair } from "../support/agent-pair.js";
import { freePort } from "../support/agent-process.js";
import { ChaosProxy } from "../support/chaos-proxy.js";
import { eventually } from "../support/eventually.js";
import { SeededRandom } from "../support/seeded-random.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const WAIT = { timeoutMs: 30_000 };
const MiB = 1024 * 1024;
const KILLS = 8;

async function openPair(): Promise<{ pair: AgentPair; proxy: ChaosProxy }> {
  const directory = makeTempDirectory();
  const port = await freePort();
  const proxy = await ChaosProxy.open({ host: "127.0.0.1", port });
  mkdirSync(join(directory, "a", "etc"), { recursive: true });
  writeFileSync(join(directory, "a", "etc", "sm.yaml"), "transport:\n  sockets: 4\n");
  const pair = await AgentPair.start(directory, { dial: `127.0.0.1:${proxy.port}`, targetAgent: { listen: `127.0.0.1:${port}` } });
  return { pair, proxy };
}

/** Changes of all kinds, as many as there is time for. */
function change(directory: string, random: SeededRandom, serial: number): void {
  const at = (name: number): string => join(directory, `live${name}`);
  writeFileSync(at(serial), Buffer.alloc(random.integer(1, 200_000), `${serial};`));
  if (serial > 3) appendFileSync(at(serial), `more ${serial}`);
  const deed = serial > 3 ? random.pick(["remove", "rename", "none"]) : "none";
  if (deed === "remove") rmSync(at(serial - 3), { force: true });
  if (deed === "rename") renameSync(at(serial - 2), join(directory, `renamed${serial}`));
}

test("a mirror and live changes arrive whole over four sockets of which one after the other is killed", { timeout: 120_000 }, async () => {
  const random = new SeededRandom(41);
  const { pair, proxy } = await openPair();
  for (let at = 0; at < 300; at += 1) writeFileSync(join(pair.sourceDir, `small${at}`), Buffer.alloc(random.integer(0, 3000), `${at} `));
  for (let at = 0; at < 6; at += 1) writeFileSync(join(pair.sourceDir, `large${at}`), Buffer.alloc(8 * MiB, `${at} large `));
  await pair.connect();
  let serial = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    await eventually(() => expect(proxy.openLinks).toBeGreaterThan(2), WAIT);
    for (let count = 0; count < 10; count += 1) {
      change(pair.sourceDir, random, serial);
      serial += 1;
    }
    await sleep(random.integer(0, 400));
    proxy.cutOne(random.integer(0, 3));
  }
  await pair.expectEqual();
  await eventually(async () => expect((await pair.report()).sockets?.open).toBe(4), WAIT);
  const shown = await pair.source.cli(["connection", "show", `${pair.connectionId}`]);
  expect(shown.stdout).toMatch(/sockets +4: transport.sockets is 4/);
});
