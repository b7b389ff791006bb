// The source's part in the quarantine of a target: what it is asked, and when it says that it is done.

import { expect, test } from "vitest";
import { defer } from "../../src/base/wait.js";
import type { MirrorNeed } from "../../src/connection/connection-record.js";
import { QuarantineWatch } from "../../src/connection/quarantine-watch.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { StaleAnswer } from "../../src/model/change.js";
import type { Mended, QuarantineNews } from "../../src/model/session.js";

type Probe = { readonly pending: number; readonly repairSeq: number };

const SHOWN = { id: 1, path: "a", code: "EPERM", message: "cannot open a: EPERM", sinceMs: 0, attempts: 1, nextMs: null };
const NEWS: QuarantineNews = { count: 1, givenUp: 0, shown: [SHOWN], asks: [], asked: 0, mirror: null };
const ASK = { root: 0, path: "a" as BytePath, seq: 5 };
const settled = () => new Promise((resolve) => setImmediate(resolve));

function watch() {
  const mended: Mended[] = [];
  const asked: StaleAnswer[] = [];
  const probes: ReturnType<typeof defer<Probe>>[] = [];
  const connection = {
    id: 1,
    record: { mirrorNeed: null as MirrorNeed | null, cleanUntilMs: 77 },
    mirror: { isRunning: false },
    appliedSeq: 10,
    channel: { sendMended: (one: Mended) => void mended.push(one) },
    requireMirror: (need: MirrorNeed) => {
      connection.record.mirrorNeed = need;
    },
  };
  const probe = (): Promise<Probe> => {
    const answer = defer<Probe>();
    probes.push(answer);
    return answer.promise;
  };
  const made = new QuarantineWatch({ connection, feed: { probe }, onAsked: (answers) => void asked.push(...answers) });
  made.begin();
  return { watch: made, connection, mended, asked, probes };
}

test("what is asked is compared, and is done when nothing waits for repair", async () => {
  const { watch: made, mended, asked, probes } = watch();
  made.take(NEWS);
  made.look();
  expect([made.count, probes.length]).toEqual([1, 0]);
  made.take({ ...NEWS, asks: [ASK], asked: 1 });
  expect(asked).toMatchObject([{ kind: "stale", path: "a", seq: 5 }]);
  made.look();
  probes[0]?.resolve({ pending: 1, repairSeq: 12 });
  await settled();
  expect(mended).toEqual([]);
  made.look();
  // Asked while the answer is on its way: that is for the next one.
  made.take({ ...NEWS, asks: [ASK], asked: 2 });
  probes[1]?.resolve({ pending: 0, repairSeq: 12 });
  await settled();
  expect(mended).toEqual([{ ask: 1, seq: 12 }]);
  made.look();
  probes[2]?.resolve({ pending: 0, repairSeq: 3 });
  await settled();
  made.look();
  expect(mended.at(-1)).toEqual({ ask: 2, seq: 10 });
  expect(probes).toHaveLength(3);
});

test("what takes a mirror is put on record, once, and is done when no mirror is owed", async () => {
  const { watch: made, connection, mended, probes } = watch();
  made.take({ ...NEWS, asked: 1, mirror: { ask: 1, isAutomatic: false } });
  expect(connection.record.mirrorNeed).toMatchObject({ mode: "difference", extras: "remove", changedSinceMs: 77, isAutomatic: false });
  made.look();
  expect(probes).toHaveLength(0);
  connection.record.mirrorNeed = null;
  connection.mirror.isRunning = true;
  made.look();
  expect(probes).toHaveLength(0);
  connection.mirror.isRunning = false;
  made.take({ ...NEWS, asked: 1, mirror: { ask: 1, isAutomatic: false } });
  expect(connection.record.mirrorNeed).toBeNull();
  made.look();
  probes[0]?.resolve({ pending: 0, repairSeq: 0 });
  await settled();
  expect(mended).toEqual([{ ask: 1, seq: 10 }]);
});

test("what was asked on one channel is not answered on another, and what was known stays true", async () => {
  const { watch: made, mended, probes } = watch();
  made.take({ ...NEWS, asks: [ASK], asked: 1 });
  made.look();
  made.begin();
  probes[0]?.resolve({ pending: 0, repairSeq: 12 });
  await settled();
  made.look();
  expect([made.count, mended.length, probes.length]).toEqual([1, 0, 1]);
  made.take({ ...NEWS, count: 0, shown: [] });
  expect(made.count).toBe(0);
});
