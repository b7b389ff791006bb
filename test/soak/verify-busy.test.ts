// A verification of a busy database accuses nothing that is only on its way, and finds a byte that somebody changed on the target.
//   SM_SOAK_SECONDS=600 npm run test:soak -- verify-busy

import { closeSync, openSync, readdirSync, readSync, statSync, utimesSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isJobOver, type VerifyJobReport } from "../../src/model/job.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { DatabasePlace } from "../support/databases/place.js";
import { POSTGRESQL } from "../support/databases/postgresql.js";
import { missingPackages } from "../support/databases/programs.js";
import { Site } from "../support/site.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const SECONDS = Number(process.env.SM_SOAK_SECONDS ?? 60);
const CONTENTS = ["times", "flagged", "all"] as const;
const BLOCK_BYTES = 64 * 1024;
/** A page of a database that nobody uses, in a file that is compared by blocks. */
const QUIET_BYTES_MIN = 300 * 1024;

async function verified(site: Site, id: number, options: object): Promise<VerifyJobReport> {
  let { job } = await site.call<{ job: VerifyJobReport }>("verify.start", { id, ...options });
  while (!isJobOver(job)) ({ job } = await site.call<{ job: VerifyJobReport }>("job.wait", { job: job.id, timeoutMs: 50_000 }));
  return job;
}

function flipByte(path: string): void {
  const { atime, mtime } = statSync(path);
  const fd = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, 100_000);
  byte[0] = (byte[0] as number) ^ 1;
  writeSync(fd, byte, 0, 1, 100_000);
  closeSync(fd);
  utimesSync(path, atime, mtime);
}

const reason = missingPackages(POSTGRESQL);

test.skipIf(reason !== null)(`PostgreSQL, verified for ${SECONDS} s${reason === null ? "" : `: left out, ${reason}`}`, async () => {
  const directory = makeTempDirectory();
  const [a, b] = await Promise.all([Site.start(directory, "a"), Site.start(directory, "b")]);
  const place = new DatabasePlace(join(a.directory, "data"), POSTGRESQL.user);
  await POSTGRESQL.create(place);
  const database = await POSTGRESQL.open(place);
  await a.knows(b);
  const { id } = await a.connect("data", b, "copy");
  await a.sync(id);
  const load = database.startLoad();
  const untilMs = performance.now() + SECONDS * 1000;
  for (let run = 0; performance.now() < untilMs; run++) {
    const content = CONTENTS[run % CONTENTS.length] ?? "times";
    const { status, verify } = await verified(a, id, { content, repair: "no" });
    const { commits } = await database.heartbeats(Date.now());
    process.stdout.write(`${run + 1}: ${content}: ${verify.differences} differences, ${JSON.stringify(verify.counts)}, ${commits} commits\n`);
    expect({ status, findings: verify.findings }).toEqual({ status: "Done", findings: [] });
    load.check();
  }
  await load.stop();
  await database.stop();
  await a.sync(id);
  const quiet = readdirSync(join(b.directory, "copy", "base", "1")).find(
    (name) => statSync(join(b.directory, "copy", "base", "1", name)).size > QUIET_BYTES_MIN,
  );
  const flipped = join("base", "1", quiet ?? "");
  const looking = await sentBy(async () => {
    expect((await verified(a, id, { content: "all", repair: "no" })).verify.findings).toEqual([]);
  });
  flipByte(join(b.directory, "copy", flipped));
  const healing = await sentBy(async () => {
    const { findings } = (await verified(a, id, { content: "all", repair: "all" })).verify;
    expect(findings).toMatchObject([{ path: join(place.dataDir, flipped), why: "content", isRepaired: true }]);
    await a.sync(id);
  });
  process.stdout.write(`one byte: ${healing - looking} bytes sent beside what the same look sends\n`);
  expect(healing - looking).toBeLessThan(BLOCK_BYTES + 4096);
  await expectEqualTrees(place.dataDir, join(b.directory, "copy"));

  async function sentBy(work: () => Promise<void>): Promise<number> {
    const before = (await a.report(id)).sentBytes;
    await work();
    return (await a.report(id)).sentBytes - before;
  }
});
