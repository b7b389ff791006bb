// Compression of a connection: what it saves, changed while it runs, kept over a restart.

import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ConnectionReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import { SeededRandom } from "../support/seeded-random.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const random = new SeededRandom(5);
const words = Array.from({ length: 500 }, () => random.integer(0, 1e9).toString(36));

/** Text that shrinks to about a half: not small enough to be a special case. */
function plantTexts(directory: string): void {
  mkdirSync(directory);
  for (let i = 0; i < 40; i += 1) {
    const text = Array.from({ length: i === 0 ? 300_000 : 3000 }, () => random.pick(words)).join(" ");
    writeFileSync(join(directory, `text${i}`), text);
  }
}

test("each level saves what it should, also when it changes while the connection runs, without a mirror", async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  await pair.connect(["--compression", "lz4"]);
  await pair.sync();
  const ratios: number[] = [];
  const replicateTexts = async (name: string): Promise<void> => {
    const before = await pair.report();
    plantTexts(join(pair.sourceDir, name));
    await pair.expectEqual();
    const after = await pair.report();
    expect(after.mirror.id).toBe(before.mirror.id);
    expect(after.connectedSince).toBe(before.connectedSince);
    ratios.push((after.sentReplicationBytes - before.sentReplicationBytes) / (after.sentCompressedReplicationBytes - before.sentCompressedReplicationBytes));
  };
  const setCompression = async (level: string): Promise<ConnectionReport> => {
    const command = ["connection", "set", `${pair.connectionId}`, "--compression", level];
    return (await pair.source.json<{ connection: ConnectionReport }>(command)).connection;
  };
  await replicateTexts("lz4");
  expect(await setCompression("brotli")).toMatchObject({ compression: "brotli", compressionInUse: "brotli" });
  expect(await setCompression("brotli")).toMatchObject({ compression: "brotli", compressionInUse: "brotli" });
  await replicateTexts("brotli");
  await setCompression("off");
  await replicateTexts("off");
  const [lz4 = 0, brotli = 0, off = 0] = ratios;
  expect(off).toBe(1);
  expect(lz4).toBeGreaterThan(1.2);
  expect(brotli).toBeGreaterThan(lz4 * 1.2);

  await setCompression("brotli");
  writeFileSync(join(pair.sourceDir, "noise.bin"), randomBytes(3_000_000));
  await pair.expectEqual();
  await pair.source.stop();
  await pair.restartSource();
  await pair.expectEqual();
  expect(await pair.report()).toMatchObject({ compression: "brotli", compressionInUse: "brotli" });
});
