// A state of the source is on the target wholly or not at all, wherever the target agent is killed: completed by its next
// start alone, with the source away.

import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { FAILPOINTS } from "../../src/base/failpoint.js";
import type { Change } from "../../src/model/change.js";
import type { TargetConnectionReport } from "../../src/model/status.js";
import { AgentProcess } from "../support/agent-process.js";
import { ApplyKit, dir, file, frame, link, meta, patch, remove, rename, snapshot } from "../support/apply-kit.js";
import { eventually } from "../support/eventually.js";
import { liveSet, type SetKind } from "../support/host-kit.js";
import { ScriptedSource } from "../support/scripted-source.js";
import { makeTempDirectory } from "../support/temp-tree.js";

interface Set {
  readonly kind: SetKind;
  readonly changes: readonly Change[];
}

const base = (size: number, mtimeSec: number) => ({ size, mtimeSec, mtimeNsec: 123_456_789 });

/** States of a little database: a data file patched in place, in several pieces, logs that are renamed and linked, several sets to a state. */
function groupsOf(count: number): Set[][] {
  const first: Set[] = [
    { kind: "open", changes: [dir("db"), file("db/data", "0123456789".repeat(250), { mtimeSec: 1 })] },
    { kind: "open", changes: [file("db/log.1", "log 1"), file("db/log.2", "log 2")] },
    { kind: "closed", changes: [file("db/control", "state 0", { mtimeSec: 1 })] },
  ];
  const later = Array.from({ length: count }, (_, i): Set[] => [
    { kind: "open", changes: [patch("db/data", base(2500, i + 1), [[i * 100, `state ${i}`]], 2500, null)] },
    {
      kind: "open",
      changes: [
        patch("db/data", null, [[i * 100 + 20, "goes on"]], 2500, null, [], true),
        rename("db/log.1", "db/spare"),
        rename("db/log.2", "db/log.1"),
        link(`db/link.${i}`, "db/log.1"),
        patch("db/data", null, [[i * 100 + 40, "and ends"]], 2500, meta({ mtimeSec: i + 2 }), [], true),
      ],
    },
    { kind: "mirror", changes: [file("db/mirrored", `${i}`)] },
    { kind: "open", changes: [rename("db/spare", "db/log.2"), ...(i > 0 ? [remove(`db/link.${i - 1}`)] : []), rename("db", "moved", "dir")] },
    { kind: i % 3 === 2 ? "forced" : "closed", changes: [rename("moved", "db", "dir"), file("db/control", `state ${i + 1}`, { mtimeSec: i + 2 })] },
  ]);
  return [first, ...later];
}

function statesOf(groups: readonly Set[][]): Map<number, Record<string, string>> {
  const kit = new ApplyKit();
  try {
    const states = new Map<number, Record<string, string>>([[0, {}]]);
    let seq = 0;
    for (const sets of groups) {
      for (const { changes } of sets) expect(kit.engine.applySet(frame(++seq, changes))).toMatchObject({ kind: "applied", answers: [] });
      states.set(seq, snapshot(kit.target));
    }
    return states;
  } finally {
    kit.close();
  }
}

function plant(): { readonly home: string; readonly target: string } {
  const directory = makeTempDirectory();
  return { home: join(directory, "home"), target: join(directory, "target") };
}

async function reportOf(agent: AgentProcess): Promise<TargetConnectionReport> {
  const { targets } = await agent.status();
  expect(targets).toHaveLength(1);
  return targets[0] as TargetConnectionReport;
}

const groups = groupsOf(20);
const states = statesOf(groups);
const frames = groups.flat().map(({ kind, changes }, index) => liveSet(index + 1, kind, changes));
const ends = [...states.keys()].filter((seq) => seq > 0);
/** Passed once for much that came together, or when it is durable: each state waits until the one before is. */
const isSeldom = (point: string): boolean => point.startsWith("apply.stage.") || point.startsWith("apply.durable.");
const cases = FAILPOINTS.filter((name) => name.startsWith("apply.")).flatMap((point) =>
  // Where nobody waits for the disk, it is synced twice a minute.
  (["fsync", "write"] as const)
    .filter((durability) => durability === "fsync" || !point.startsWith("apply.durable."))
    .map((durability) => [point, durability] as const),
);

/** Sends what the target has not, group by group; true = all of it was applied, false = the target ended. */
async function replay(source: ScriptedSource, agent: AgentProcess, until: "appliedSeq" | "durableSeq"): Promise<boolean> {
  let at = await source.connect(agent);
  for (const end of ends.filter((seq) => seq > at)) {
    if (!(await source.send(...frames.slice(at, end)))) return false;
    at = end;
    await eventually(() => expect(source.ended !== null || (source.acks.at(-1)?.[until] ?? 0) >= end).toBe(true), { intervalMs: 5 });
  }
  return source.ended === null;
}

/** At which of its passages an agent is killed. What is synced has more to go wrong: the others are killed at one. */
function countsOf(point: string, durability: string): readonly number[] {
  const counts = isSeldom(point) ? [1, 2, 3] : [2, 5, 11];
  return durability === "fsync" ? counts.filter((_, index) => index !== 1) : counts.slice(1, 2);
}

describe("the target is killed, and started with its source away", () => {
  test.each(cases)("at %s, %s", async (point, durability) => {
    const { home, target } = plant();
    const [first = 1, ...others] = countsOf(point, durability);
    let agent = await AgentProcess.start({ home, failpoint: `${point}:${first}` });
    const source = await ScriptedSource.pair(agent, target, { durability });
    for (const count of [first, ...others]) {
      if (count !== first) {
        await agent.stop();
        agent = await agent.restart({ failpoint: `${point}:${count}` });
      }
      expect(await replay(source, agent, isSeldom(point) ? "durableSeq" : "appliedSeq")).toBe(false);
      expect(await agent.exited).toMatchObject({ signal: "SIGKILL" });
      agent = await agent.restart();
      const { appliedSeq } = await reportOf(agent);
      expect([...states.keys()]).toContain(appliedSeq);
      expect(snapshot(target)).toEqual(states.get(appliedSeq));
    }
    expect(await replay(source, agent, "appliedSeq")).toBe(true);
    expect(snapshot(target)).toEqual(states.get(frames.length));
  });
});

test("a group without its end is never seen: not while it comes, not after a kill, not after the channel ended", async () => {
  const { home, target } = plant();
  let agent = await AgentProcess.start({ home });
  const source = await ScriptedSource.pair(agent, target);
  await source.connect(agent);
  await source.send(...frames.slice(0, 7));
  await source.until((ack) => ack.takenSeq === 7 && ack.appliedSeq === 3);
  expect([source.acks.at(-1)?.appliedSeq, snapshot(target)]).toEqual([3, states.get(3)]);
  await agent.kill9();
  agent = await agent.restart();
  expect([(await reportOf(agent)).appliedSeq, snapshot(target)]).toEqual([3, states.get(3)]);
  expect(await source.connect(agent)).toBe(3);
  await source.send(...frames.slice(3, 7));
  await source.until((ack) => ack.takenSeq === 7 && ack.appliedSeq === 3);
  await source.disconnect();
  await eventually(async () => expect((await reportOf(agent)).online).toBe(false));
  expect(snapshot(target)).toEqual(states.get(3));
  expect(await source.connect(agent)).toBe(3);
  await source.send(...frames.slice(3, 8));
  await source.until((ack) => ack.appliedSeq === 8);
  expect(snapshot(target)).toEqual(states.get(8));
});

test("the target alone tells its consistency point: after a kill, and with its source away", async () => {
  const { home, target } = plant();
  let agent = await AgentProcess.start({ home });
  const source = await ScriptedSource.pair(agent, target);
  await source.connect(agent, { fromSeq: null, why: "a mirror is in progress" });
  await source.send(...frames.slice(0, 3));
  await source.until((ack) => ack.appliedSeq === 3);
  expect((await reportOf(agent)).consistency).toMatchObject({ seq: 0, at: null, reason: { code: "NOT_A_COPY", message: "a mirror is in progress" } });
  source.claim({ fromSeq: 3, why: "" });
  await source.until((ack) => ack.doubt?.code === "NO_CUT_YET");
  await source.send(...frames.slice(3, 10));
  const ack = await source.until((a) => a.takenSeq === 10 && a.appliedSeq === 8);
  expect(ack).toMatchObject({ consistentSeq: 8, consistentTimeMs: 8000, doubt: null });
  await agent.kill9();
  agent = await agent.restart();
  expect(await reportOf(agent)).toMatchObject({ online: false, appliedSeq: 8, consistency: { seq: 8, at: new Date(8000).toISOString(), reason: null } });
  const shown = await agent.cli(["status"]);
  expect(shown.stdout).toContain("consistent 1970-01-01 00:00:08Z (change set 8), current");
  await source.connect(agent, { fromSeq: 3, why: "" });
  await source.send(...frames.slice(8, 18));
  await source.until((a) => a.appliedSeq === 18);
  await agent.stop();
  agent = await agent.restart();
  expect((await reportOf(agent)).consistency).toMatchObject({ seq: 13, reason: { code: "FORCED" } });
});

test("more than fits the windows is held without end of the stream, and the stage keeps its limit", async () => {
  const { home, target } = plant();
  mkdirSync(join(home, "etc"), { recursive: true });
  writeFileSync(join(home, "etc", "sm.yaml"), "target:\n  stageMiB: 100\n");
  const agent = await AgentProcess.start({ home });
  const source = await ScriptedSource.pair(agent, target, { durability: "write" });
  await source.connect(agent);
  const count = 150;
  const body = Buffer.alloc(1024 * 1024, 7);
  for (let seq = 1; seq <= count; seq++) expect(await source.send(liveSet(seq, "open", [file(`f${seq}`, body)]))).toBe(true);
  const ack = await source.until((a) => a.takenSeq === count && a.appliedSeq > 90);
  expect(ack.appliedSeq).toBeLessThan(100);
  expect(ack.doubt).toMatchObject({ code: "STAGE_LIMIT" });
  await source.send(liveSet(count + 1, "closed"));
  expect(await source.until((a) => a.appliedSeq === count + 1)).toMatchObject({ consistentSeq: count + 1, doubt: null });
  expect(Object.keys(snapshot(target))).toHaveLength(count);
});

test("a target that is not there when the agent starts is reported, and completed when it is", async () => {
  const { home, target } = plant();
  let agent = await AgentProcess.start({ home });
  const source = await ScriptedSource.pair(agent, target);
  await agent.stop();
  agent = await agent.restart({ failpoint: "apply.group.midApply:4" });
  expect(await replay(source, agent, "appliedSeq")).toBe(false);
  expect(await agent.exited).toMatchObject({ signal: "SIGKILL" });
  renameSync(target, `${target}.away`);
  agent = await agent.restart();
  expect(await reportOf(agent)).toMatchObject({ online: false, reasons: [{ code: "ROOT_MISSING" }] });
  await expect(source.connect(agent)).rejects.toMatchObject({ code: "ROOT_MISSING" });
  renameSync(`${target}.away`, target);
  expect(await source.connect(agent)).toBe(8);
  expect(snapshot(target)).toEqual(states.get(8));
});

test("a full disk where a state is to be completed keeps nothing from starting, and is waited out with the source away", async () => {
  const { home, target } = plant();
  mkdirSync(target);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", target]);
  onTestFinished(() => void execFileSync("umount", ["-l", target]));
  let agent = await AgentProcess.start({ home });
  const source = await ScriptedSource.pair(agent, target);
  await source.connect(agent);
  await source.send(liveSet(1, "open", [file("a", "1")]), liveSet(2, "closed", [file("big", Buffer.alloc(3_000_000, 1)), file("z", "2")]));
  await source.until((ack) => ack.retrying !== null);
  await agent.kill9();
  agent = await agent.restart();
  expect((await reportOf(agent)).appliedSeq).toBe(1);
  execFileSync("mount", ["-o", "remount,size=8m", target]);
  await eventually(async () => expect((await reportOf(agent)).appliedSeq).toBe(2));
  expect(Object.keys(snapshot(target))).toEqual(["a", "big", "z"]);
});
