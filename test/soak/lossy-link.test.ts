// A line of 100 ms round trip that loses one packet in a hundred: a first mirror and changes beside it come over, by one socket and
// by as many as the agent finds right.
//   SM_SOAK_MIB=64 npm run test:soak -- lossy-link

import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MiB } from "../../src/base/units.js";
import { AgentPair } from "../support/agent-pair.js";
import { FsDriver } from "../support/fs-driver.js";
import { LossyLink } from "../support/lossy-link.js";
import { RandomOperations } from "../support/random-operations.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MEBIBYTES = Number(process.env.SM_SOAK_MIB ?? 8);
const SEED = Number(process.env.SM_SOAK_SEED ?? 1);

test.each(["1", "automatic"])(`${MEBIBYTES} MiB by sockets: %s`, async (sockets) => {
  const link = await LossyLink.open({ roundTripMs: 100, loss: 0.01, seed: SEED });
  const directory = makeTempDirectory();
  mkdirSync(join(directory, "a", "etc"), { recursive: true });
  writeFileSync(join(directory, "a", "etc", "sm.yaml"), `transport: {sockets: ${sockets}}\n`);
  const pair = await AgentPair.start(directory, {
    sourceAgent: { prefix: link.a.prefix, listen: `${link.a.address}:0` },
    targetAgent: { prefix: link.b.prefix, listen: `${link.b.address}:0` },
  });
  for (let i = 0; i < MEBIBYTES; i++) writeFileSync(join(pair.sourceDir, `file-${i}`), randomBytes(MiB));
  const driver = await FsDriver.open(pair.sourceDir);
  const operations = new RandomOperations({ seed: SEED });
  await pair.connect();
  const begun = performance.now();
  for (let round = 0; round < 5; round++) await driver.run(operations.take(20));
  await pair.sync(3600);
  const seconds = (performance.now() - begun) / 1000;
  await pair.expectEqual();
  const { sockets: open, state } = await pair.report();
  await driver.close();
  const { packets, lost } = await link.close();
  process.stdout.write(
    `sockets ${sockets}: ${open?.open} open, ${seconds.toFixed(1)} s, ${(MEBIBYTES / seconds).toFixed(2)} MiB/s; ${lost} of ${packets} packets lost\n`,
  );
  expect([state, lost > 0]).toEqual(["streaming", true]);
});
