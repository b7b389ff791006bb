// Faults of every kind, one after the other, while the tree changes: after each the copy is equal, and no more was sent for
// all of them than a small multiple of what changed.
//   SM_SOAK_FAULTS=1000 SM_SOAK_SEED=… SM_TEST_REPORT=/a/file.md SM_SOAK_ONLY="disk full" SM_SOAK_CHURN=git npm run test:soak -- faults
//   SM_SOAK_SETS=each: what churns is a set of its own each, all of them churn at once, and things move between them.

import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { churnsIn, moving, together } from "../support/faults/churns.js";
import { FAULTS } from "../support/faults/fault-kinds.js";
import { FaultSite } from "../support/faults/fault-site.js";
import { SeededRandom } from "../support/seeded-random.js";

const COUNT = Number(process.env.SM_SOAK_FAULTS ?? 2 * FAULTS.length);
const SEED = Number(process.env.SM_SOAK_SEED ?? Math.floor(Math.random() * 2 ** 31));
const ONLY = process.env.SM_SOAK_ONLY ?? "";
const CHURN = process.env.SM_SOAK_CHURN ?? "";
const IS_SET_EACH = process.env.SM_SOAK_SETS === "each";
const REPORT = process.env.SM_TEST_REPORT;
const SENT_PER_WRITTEN_MAX = 3;
const MB = 1_000_000;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
  if (REPORT !== undefined) appendFileSync(REPORT, `${text}\n`);
}

test(`${COUNT} faults, seed ${SEED}`, async () => {
  const random = new SeededRandom(SEED);
  const site = await FaultSite.open();
  const openRoot = (name: string): string => {
    const root = join(site.pair.sourceDir, name);
    mkdirSync(root);
    return root;
  };
  const roots: string[] = [];
  const churns = churnsIn((name) => openRoot(roots[roots.push(name) - 1] as string), random, SEED);
  for (const churn of churns) await churn.run();
  await site.connect(IS_SET_EACH ? roots : []);
  await site.expectEqual();
  const chosen = churns.filter(({ name }) => name.includes(CHURN));
  const kinds = FAULTS.filter(({ name }) => name.includes(ONLY));
  const sum = { sent: 0, written: 0 };
  for (let i = 0; i < COUNT; i++) {
    // Each kind comes up as often as any other.
    const fault = kinds[i % kinds.length] ?? FAULTS[0];
    const churn = IS_SET_EACH
      ? together([
          ...chosen,
          moving(
            roots.map((name) => join(site.pair.sourceDir, name)),
            random,
          ),
        ])
      : random.pick(chosen);
    if (fault === undefined) throw new Error(`no fault is named ${ONLY}`);
    const [sentBefore, writtenBefore, from] = [site.wireBytes(), site.writtenBytes(), performance.now()];
    const churning = fault.isTreeAway === true ? await churn.run() : churn.run();
    await Promise.all([churning, fault.isTreeAway === true ? undefined : fault.make(site, random)]);
    const written = site.writtenBytes() - writtenBefore;
    if (fault.isTreeAway === true) await fault.make(site, random);
    const overAt = performance.now();
    await site.expectEqual();
    const sent = site.wireBytes() - sentBefore;
    if (fault.isReplacing !== true) {
      sum.sent += sent;
      sum.written += written;
    }
    const times = `${((overAt - from) / 1000).toFixed(1)} s, equal after ${((performance.now() - overAt) / 1000).toFixed(1)} s`;
    say(`${i + 1}/${COUNT} ${fault.name}, during ${churn.name}: ${times}; written ${(written / MB).toFixed(1)} MB, sent ${(sent / MB).toFixed(1)} MB`);
  }
  say(`${COUNT} faults: equal after each; written ${(sum.written / MB).toFixed(0)} MB, sent ${(sum.sent / MB).toFixed(0)} MB`);
  expect(sum.sent).toBeLessThanOrEqual(SENT_PER_WRITTEN_MAX * sum.written);
});
