// Tasks on a target: at their place in the order, at most once whatever is sent again, and nothing of what is malformed.

import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConnectionTasks } from "../../src/apply/connection-tasks.js";
import { TargetTasks } from "../../src/apply/target-tasks.js";
import { SmError } from "../../src/base/errors.js";
import { silentLog } from "../../src/base/log.js";
import type { Change, TaskChange } from "../../src/model/change.js";
import { type ChangeSet, decodeChangeSet, encodeChangeSet, packHeader } from "../../src/model/change-set.js";
import { type ProgramOrder, type ProgramRun, refusedRun, type TaskResult } from "../../src/model/task.js";
import { decodeAck, encodeAckHeader } from "../../src/transport/ack-codec.js";
import { bp, file } from "../support/apply-kit.js";
import { HostKit } from "../support/host-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

function task(number: number, part: Partial<TaskChange> = {}): TaskChange {
  const fixed = { op: "task", root: 0, path: bp(""), deed: "run", name: `task ${number}`, onReceive: null, timeoutMs: 1000 } as const;
  return { ...fixed, number, onExecute: { path: "/opt/x", args: ["a"] }, ...part };
}

function set(seq: number, changes: readonly Change[], part: Partial<ChangeSet> = {}): Buffer {
  return encodeChangeSet({ seq, sourceTimeMs: 1000 + seq, closed: true, mirror: false, changes, ...part });
}

const DONE: ProgramRun = { phase: "execute", outcome: "exited", exitCode: 0, signal: null, output: "ok", why: "", ms: 5 };

let host: HostKit;
beforeEach(() => {
  host = new HostKit();
});
afterEach(() => host.close());

function asked(): string[] {
  return host.posted.flatMap((message) =>
    message.kind === "task" ? [`${message.moment} ${message.task.number}${message.doubt === null ? "" : " doubt"}`] : [],
  );
}

test("nothing behind a task is applied before it has ended, and the answer comes with its set", () => {
  host.open();
  host.begin();
  host.sendSets(set(1, [file("a", "1")]), set(2, [task(1)]), set(3, [file("a", "2")]));
  expect(host.appliedSeq).toBe(1);
  expect(asked()).toEqual(["receive 1", "due 1"]);
  expect(host.progress).toMatchObject({ appliedSeq: 1, retrying: { code: "TASK_RUNNING" } });
  host.send({ kind: "taskDone", result: { number: 1, outcome: "done", why: "", runs: [DONE] } });
  expect(host.appliedSeq).toBe(3);
  const answers = host.posted.flatMap((message) => (message.kind === "progress" ? message.answers : []));
  expect(answers).toEqual([{ kind: "task", seq: 2, root: 0, path: "", result: { number: 1, outcome: "done", why: "", runs: [DONE] } }]);
  expect(host.progress.retrying).toBeNull();
});

test("behind a state that is not complete it is due with it, in doubt unless its set completes it", () => {
  host.open();
  host.begin();
  host.sendSets(set(1, [file("a", "1")], { closed: false }), set(2, [task(1)], { closed: false }));
  expect(asked()).toEqual(["receive 1"]);
  host.sendSets(set(3, [file("b", "1")]));
  expect(asked()).toEqual(["receive 1", "due 1 doubt"]);
});

test("a target that was killed while one ran asks again for it, before anything else", () => {
  host.open();
  host.begin();
  host.sendSets(set(1, [task(1)]), set(2, [file("a", "1")]));
  host.open();
  expect(asked()).toEqual(["due 1"]);
  host.begin();
  host.send({ kind: "taskDone", result: { number: 1, outcome: "unknown", why: "interrupted", runs: [] } });
  host.sendSets(set(1, [task(1)]), set(2, [file("a", "1")]));
  expect(host.appliedSeq).toBe(2);
});

interface Runs {
  readonly orders: ProgramOrder[];
  readonly tasks: ConnectionTasks;
}

function open(stateDirectory: string, run: (order: ProgramOrder) => Promise<ProgramRun> = async ({ phase }) => ({ ...DONE, phase })): Runs {
  const orders: ProgramOrder[] = [];
  const terms = { connectionId: 4, peer: "alpha", repset: "web", mappings: [{ source: "/srv", target: "/copy" }] };
  const counting = (order: ProgramOrder): Promise<ProgramRun> => {
    orders.push(order);
    return run(order);
  };
  return { orders, tasks: new ConnectionTasks({ stateDirectory, terms, run: counting, log: silentLog }) };
}

test("the same task runs once: in one agent, and over restarts; its result is told again", async () => {
  const state = makeTempDirectory();
  const { orders, tasks } = open(state);
  const due = { task: task(1, { onReceive: { path: "/opt/r", args: [] } }), doubt: null };
  tasks.receive(due.task);
  const [first, second] = await Promise.all([tasks.take(due), tasks.take(due)]);
  expect(first).toMatchObject({ outcome: "done", runs: [{ phase: "receive" }, { phase: "execute" }] });
  expect(second).toEqual(first);
  tasks.receive(due.task);
  expect(await tasks.take(due)).toEqual(first);
  const later = open(state);
  later.tasks.receive(due.task);
  expect(await later.tasks.take(due)).toEqual(first);
  expect([...orders, ...later.orders]).toHaveLength(2);
  expect(orders[1]?.environment).toMatchObject({ SM_TASK_NAME: "task 1", SM_PHASE: "execute", SM_CONNECTION: "4", SM_SET: "web", SM_TARGET_PATHS: "/copy" });
});

test("one that was begun when the agent was killed is not known to have run, and does not run again", async () => {
  const state = makeTempDirectory();
  const killed = open(state, () => new Promise(() => undefined));
  void killed.tasks.take({ task: task(3), doubt: null });
  expect(killed.orders).toHaveLength(1);
  const { orders, tasks } = open(state);
  expect(await tasks.take({ task: task(3), doubt: null })).toMatchObject({ outcome: "unknown", why: expect.stringContaining("does not run it again") });
  expect(await tasks.take({ task: task(2), doubt: null })).toMatchObject({ outcome: "unknown" });
  expect(orders).toEqual([]);
});

test("in doubt it does not run, a closed one not either, nor does it afterwards", async () => {
  const { orders, tasks } = open(makeTempDirectory());
  expect(await tasks.take({ task: task(1), doubt: "some paths are in quarantine" })).toMatchObject({ outcome: "discarded", runs: [] });
  expect(await tasks.take({ task: task(2, { deed: "close" }), doubt: null })).toMatchObject({ outcome: "discarded" });
  expect(await tasks.take({ task: task(2), doubt: null })).toMatchObject({ outcome: "discarded" });
  expect(orders).toEqual([]);
});

test("a time of 0 is not waited for, and only so many run at once", async () => {
  const { tasks } = open(makeTempDirectory(), () => new Promise(() => undefined));
  const outcomes: (string | undefined)[] = [];
  for (let number = 1; number <= 9; number++) outcomes.push((await tasks.take({ task: task(number, { timeoutMs: 0 }), doubt: null })).runs[0]?.outcome);
  expect(outcomes).toEqual([...Array(8).fill("started"), "refused"]);
});

test("a book that cannot be read runs nothing", async () => {
  const state = makeTempDirectory();
  writeFileSync(join(state, "tasks.json"), "{");
  const { orders, tasks } = open(state);
  tasks.receive(task(1, { onReceive: { path: "/opt/r", args: [] } }));
  expect(await tasks.take({ task: task(1), doubt: null })).toMatchObject({ outcome: "unknown", why: expect.stringContaining("tasks.json") });
  expect(orders).toEqual([]);
});

test("a source can have nothing run while it is off, and what brings data back nothing ever", async () => {
  const directory = makeTempDirectory();
  const programs = join(directory, "programs");
  mkdirSync(programs, { mode: 0o755 });
  const path = join(programs, "p");
  writeFileSync(path, "#!/bin/sh\n");
  chmodSync(path, 0o755);
  const keys = { enabled: "target.tasks", directory: "target.taskDirectory" };
  const terms = { connectionId: 1, peer: "a", repset: "web", remapLinks: true, durability: "fsync" } as const;
  const outcomeOf = async (key: string, isEnabled: boolean, part: object): Promise<string | undefined> => {
    const target = new TargetTasks({ isEnabled, directory: programs, keys, writtenPlaces: () => [] }, silentLog);
    mkdirSync(join(directory, key));
    const { runs } = await target
      .of(key, join(directory, key), { ...terms, mappings: [], rules: [], ...part })
      .take({ task: task(1, { onExecute: { path, args: [] } }), doubt: null });
    await target.close();
    return runs[0]?.outcome;
  };
  expect(await outcomeOf("on", true, {})).toBe("exited");
  expect(await outcomeOf("off", false, {})).toBe("refused");
  expect(await outcomeOf("restore", true, { isRestore: true })).toBe("refused");
});

const sample = task(7, { onReceive: { path: "/opt/a b", args: ["", "$x"] }, timeoutMs: null });

test("a task is read as it was written", () => {
  for (const change of [sample, task(1), task(2, { deed: "close", timeoutMs: 0, onExecute: null })]) {
    expect(decodeChangeSet(set(1, [change])).changes).toEqual([change]);
  }
});

const GOOD = [13, 0, "", 0, 7, "name", ["/opt/a", ["x"]], null, 1000];

test.each<[string, number, unknown]>([
  ["an unknown deed", 3, 2],
  ["number 0", 4, 0],
  ["a number that is none", 4, 1.5],
  ["no name", 5, ""],
  ["a name with a line feed", 5, "a\nb"],
  ["a long name", 5, "x".repeat(101)],
  ["a relative path", 6, ["opt/a", []]],
  ["a path with a zero", 6, ["/opt/\0", []]],
  ["a long path", 6, [`/${"x".repeat(1024)}`, []]],
  ["arguments that are none", 6, ["/opt/a", [1]]],
  ["an argument with a zero", 6, ["/opt/a", ["\0"]]],
  ["too many arguments", 6, ["/opt/a", Array(65).fill("x")]],
  ["no arguments", 6, ["/opt/a"]],
  ["more than a program", 6, ["/opt/a", [], []]],
  ["a program that is none", 7, "/opt/a"],
  ["a time that is none", 8, -1],
  ["a time of years", 8, 1e12],
  ["a field more", 9, 1],
])("%s is refused", (_what, index, value) => {
  const fields = [...GOOD];
  fields[index] = value as never;
  expect(() => decodeChangeSet(raw([fields]))).toThrow(SmError);
});

test("a task stands alone in its set", () => {
  expect(decodeChangeSet(raw([GOOD])).changes).toHaveLength(1);
  expect(() => decodeChangeSet(raw([GOOD, GOOD]))).toThrow(/task and something else/);
});

function raw(changes: readonly unknown[]): Buffer {
  const header = packHeader(["set", 1, 0, 1, changes]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  return Buffer.concat([length, header]);
}

test("answers are read as they were written; anything else is a PROTOCOL error", () => {
  const result: TaskResult = { number: 7, outcome: "failed", why: "no", runs: [DONE, refusedRun("receive", "off")] };
  const progress = { appliedSeq: 1, durableSeq: 1, takenSeq: 1, consistentSeq: 0, consistentTimeMs: 0, doubt: null, retrying: null };
  const header = encodeAckHeader({ ...progress, answers: [{ kind: "task", seq: 1, root: 0, path: bp(""), result }] });
  expect(decodeAck(header, Buffer.alloc(0)).answers).toEqual([{ kind: "task", seq: 1, root: 0, path: "", result }]);
  const [answer] = (header[3] as unknown[][]).slice();
  fc.assert(
    fc.property(fc.nat(8), fc.anything(), (index, value) => {
      const fields = [...(answer ?? [])];
      fields[index] = value;
      try {
        decodeAck([...header.slice(0, 3), [fields], ...header.slice(4)], Buffer.alloc(0));
      } catch (error) {
        expect((error as SmError).code).toBe("PROTOCOL");
      }
    }),
    { numRuns: 500 },
  );
});
