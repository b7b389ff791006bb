// Whether the target is known to be a copy, and from which set on: what the source tells it.

import { expect, test } from "vitest";
import { defer } from "../../src/base/wait.js";
import { CopyWatch } from "../../src/connection/copy-watch.js";
import type { BytePath } from "../../src/model/byte-path.js";
import { connectionOptionsSchema } from "../../src/model/connection-spec.js";
import type { CopyClaim } from "../../src/model/session.js";

type Probe = { readonly pending: number; readonly repairSeq: number };

function watch() {
  const view = {
    record: { mirrorNeed: null, options: connectionOptionsSchema.parse({}) },
    mirror: { isRunning: false },
    problems: { count: 0 },
    quarantine: { count: 0 },
    pendingRepairs: 0,
    appliedSeq: 10,
  };
  const claims: CopyClaim[] = [];
  const probes: ReturnType<typeof defer<Probe>>[] = [];
  const probe = (): Promise<Probe> => {
    const answer = defer<Probe>();
    probes.push(answer);
    return answer.promise;
  };
  return { view, claims, probes, copy: new CopyWatch({ view, probe, onClaim: (claim) => claims.push(claim) }) };
}

const stale = (seq: number) => [{ kind: "stale" as const, seq, root: 0, path: "a" as BytePath, reason: "" }];
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("nothing known that it lacks: a copy from what is applied; said once", () => {
  const { view, claims, copy } = watch();
  expect(copy.claim.fromSeq).toBeNull();
  copy.look();
  view.appliedSeq = 20;
  copy.look();
  expect(claims).toEqual([{ fromSeq: 10, why: "" }]);
});

test("each lack is said, and what comes after it begins anew", () => {
  const { view, claims, copy } = watch();
  const lacks: [() => void, () => void, string][] = [
    [() => (view.mirror.isRunning = true), () => (view.mirror.isRunning = false), "a mirror is in progress"],
    [() => (view.pendingRepairs = 2), () => (view.pendingRepairs = 0), "repairs are pending"],
    [() => (view.quarantine.count = 2), () => (view.quarantine.count = 0), "some paths are in quarantine on the target"],
    [() => (view.problems.count = 2), () => (view.problems.count = 0), "some files could not be carried over"],
  ];
  copy.look();
  for (const [begin, end, why] of lacks) {
    begin();
    copy.look();
    expect(claims.at(-1)).toEqual({ fromSeq: null, why });
    view.appliedSeq += 1;
    end();
    copy.look();
    expect(claims.at(-1)).toEqual({ fromSeq: view.appliedSeq, why: "" });
  }
});

test("the last repair may not be applied yet: a copy from there on", () => {
  const { claims, copy } = watch();
  copy.repaired(15);
  copy.look();
  expect(claims).toEqual([{ fromSeq: 15, why: "" }]);
});

test("what did not fit is no copy until the source worker says that nothing waits for repair", async () => {
  const { claims, probes, copy } = watch();
  copy.look();
  copy.take(stale(12));
  copy.look();
  expect(claims.at(-1)).toEqual({ fromSeq: null, why: "repairs are pending" });
  probes[0]?.resolve({ pending: 1, repairSeq: 0 });
  await settled();
  expect(claims.at(-1)?.fromSeq).toBeNull();
  copy.look();
  probes[1]?.resolve({ pending: 0, repairSeq: 14 });
  await settled();
  expect(claims.at(-1)).toEqual({ fromSeq: 14, why: "" });
});

test("an answer that comes while the worker is asked is asked about again", async () => {
  const { claims, probes, copy } = watch();
  copy.take(stale(12));
  copy.look();
  copy.take(stale(13));
  probes[0]?.resolve({ pending: 0, repairSeq: 0 });
  await settled();
  expect(claims.at(-1)).toEqual({ fromSeq: null, why: "repairs are pending" });
  copy.look();
  expect(probes).toHaveLength(2);
  probes[1]?.resolve({ pending: 0, repairSeq: 0 });
  await settled();
  expect(claims.at(-1)).toEqual({ fromSeq: 13, why: "" });
});

test("a worker that cannot answer is asked again", async () => {
  const { claims, probes, copy } = watch();
  copy.take(stale(12));
  copy.look();
  probes[0]?.reject(new Error("ended"));
  await settled();
  copy.look();
  probes[1]?.resolve({ pending: 0, repairSeq: 0 });
  await settled();
  expect(claims.at(-1)).toEqual({ fromSeq: 12, why: "" });
});
