// Hooks of mirrors: what runs when, what waits for it, and that nothing waits for ever. The mirrors are true ones, as far as the source worker.

import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HookStore } from "../../src/agent/hook-store.js";
import type { SmError } from "../../src/base/errors.js";
import { silentLog } from "../../src/base/log.js";
import { type Deferred, defer } from "../../src/base/wait.js";
import type { ConnectionRecord, MirrorNeed } from "../../src/connection/connection-record.js";
import type { HookTerms } from "../../src/connection/hook-duty.js";
import { hookReason } from "../../src/connection/hook-reason.js";
import { MirrorDuty } from "../../src/connection/mirror-duty.js";
import { MirrorTracker } from "../../src/connection/mirror-tracker.js";
import { ProblemBook } from "../../src/connection/problem-book.js";
import { HOOKS_MAX, type Hook, type HookFile, NO_HOOK_FILE } from "../../src/model/hook.js";
import type { SourceCommand } from "../../src/model/source-messages.js";
import type { ProgramEnd } from "../../src/model/task.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const FINE: ProgramEnd = { outcome: "exited", exitCode: 0, signal: null, output: "done\n", why: "", ms: 5 };
const WISH = { mode: "difference", content: "times", newerOnly: false } as const;
const EVERY_COUNT = { filesTotal: 1, bytesTotal: 1, filesDone: 1, filesSkipped: 0, bytesDone: 1, bytesSkipped: 0, waitingBytes: 0, percent: 99 };
const COUNTS = { ...EVERY_COUNT, orphans: 0, removed: 0, orphanNames: [], leftAlone: 0, leftEmpty: 0, leftAloneNames: [] };

interface Run {
  readonly name: string;
  readonly event: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number | null;
  readonly end: Deferred<ProgramEnd>;
}

function hook(part: Partial<Hook> = {}): Hook {
  const program = { path: "/opt/hook.sh", args: [] };
  return { name: "h", event: "mirror-start", program, isDelaying: false, timeoutSeconds: 60, onFailure: "continue", ...part };
}

const DELAYING = hook({ name: "quiesce", isDelaying: true });

class Kit {
  record = { id: 1, repset: "set", peer: "beta", roots: [], mappings: [{ source: "/s", target: "/t" }], mirrorNeed: null, options: { replicate: true } };
  readonly id = 1;
  readonly mirror = new MirrorTracker();
  readonly problems = new ProblemBook();
  readonly transmission = { isOpen: true };
  readonly sent: SourceCommand[] = [];
  readonly runs: Run[] = [];
  saved: HookFile | null = null;
  refuses: string | null = null;
  readonly options: { readonly feed: { send(command: SourceCommand): void }; readonly hooks: HookTerms; readonly log: typeof silentLog };
  appliedSeq = 0;
  durableSeq = 0;
  sender: object | null = {};
  readonly duty: MirrorDuty;

  constructor(hooks: readonly Hook[], before: HookFile = NO_HOOK_FILE) {
    const terms: HookTerms = {
      file: { ...before, hooks: [...before.hooks, ...hooks.map((one) => ({ ...one, lastRun: null }))] },
      save: (file) => {
        this.saved = file;
      },
      run: ({ environment, timeoutMs }, signal) => {
        const end = defer<ProgramEnd>();
        this.runs.push({ name: environment.SM_HOOK ?? "", event: environment.SM_EVENT ?? "", environment, timeoutMs, end });
        signal.addEventListener("abort", () => end.resolve({ ...FINE, outcome: "interrupted", exitCode: null, signal: "SIGTERM" }));
        return end.promise;
      },
      refusal: () => this.refuses,
    };
    this.options = { feed: { send: (command) => void this.sent.push(command) }, hooks: terms, log: silentLog };
    this.duty = new MirrorDuty(this as never, { done: () => undefined, change: () => undefined, scan: () => undefined });
  }

  keep(part: Partial<ConnectionRecord>): void {
    this.record = { ...this.record, ...part } as never;
  }

  get need(): MirrorNeed | null {
    return this.record.mirrorNeed;
  }

  get told(): string[] {
    return this.sent.splice(0).map(({ kind }) => kind);
  }

  get begun(): string[] {
    return this.runs.map(({ event, name, environment }) => `${event} ${name} ${environment.SM_MIRROR} ${environment.SM_RESULT ?? ""}`.trimEnd());
  }

  end(run: number, end: Partial<ProgramEnd> = {}): Promise<void> {
    this.runs[run]?.end.resolve({ ...FINE, ...end });
    return settled();
  }

  /** All of the mirror is on the target. */
  complete(): Promise<void> {
    this.duty.take({ kind: "mirrorEmitted", connectionId: 1, mirrorId: this.mirror.id, lastSeq: 7, counts: COUNTS });
    this.appliedSeq = 7;
    this.duty.look();
    return settled();
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function codeOf(deed: () => unknown): string {
  try {
    deed();
    return "none";
  } catch (error) {
    return (error as SmError).code;
  }
}

describe("a mirror and its hooks", () => {
  test("without hooks, and with those that delay nothing, it begins at once", async () => {
    const bare = new Kit([]);
    bare.duty.startByHand(WISH);
    expect(bare.told).toEqual(["mirror"]);
    const kit = new Kit([hook({ program: { path: "/p", args: ["a b"] }, timeoutSeconds: 7 })]);
    kit.duty.startByHand(WISH);
    expect(kit.told).toEqual(["mirror"]);
    expect(kit.begun).toEqual(["mirror-start h 1"]);
    expect(kit.runs[0]).toMatchObject({ timeoutMs: 7000, environment: { SM_CONNECTION: "1", SM_SET: "set", SM_PEER: "beta", SM_MIRROR_KIND: "difference" } });
    expect(kit.runs[0]?.environment).toMatchObject({ SM_ROLE: "source", SM_SOURCE_PATHS: "/s", SM_TARGET_PATHS: "/t" });
    await kit.end(0);
    expect(kit.duty.hooks.report("h")).toMatchObject({ isRunning: false, lastRun: { mirror: 1, exitCode: 0, output: "done\n" } });
    expect(kit.saved?.hooks[0]?.lastRun).toMatchObject({ outcome: "exited" });
  });

  test("it waits for one that delays, says so, and begins when that has ended; those for its end run then, in their order", async () => {
    const kit = new Kit([
      DELAYING,
      hook({ name: "a", event: "mirror-complete" }),
      hook({ name: "b", event: "mirror-complete" }),
      hook({ name: "s", event: "mirror-stop" }),
    ]);
    expect(kit.duty.startByHand(WISH)).toMatchObject({ id: 1, status: "Waiting", waitsForHook: "quiesce", outcome: "running" });
    expect(hookReason(kit.duty.hooks.wait, 1)).toMatchObject({
      code: "HOOK_RUNNING",
      message: "the mirror waits for hook quiesce",
      nextAt: expect.any(String),
    });
    expect(kit.told).toEqual([]);
    await kit.end(0, { exitCode: 3 });
    expect(kit.told).toEqual(["mirror"]);
    expect(kit.mirror.report()).toMatchObject({ status: "Calculating", waitsForHook: null });
    expect(hookReason(kit.duty.hooks.wait, 1)).toBeNull();
    kit.mirror.addProblem({ path: "/x", code: "EIO", message: "", at: "" });
    await kit.complete();
    expect(kit.begun).toEqual(["mirror-start quiesce 1", "mirror-complete a 1 problems"]);
    expect(kit.runs[1]?.environment).toMatchObject({ SM_PROBLEMS: "1", SM_LEFT_ALONE: "0" });
    await kit.end(1);
    expect(kit.begun.at(-1)).toBe("mirror-complete b 1 problems");
  });

  test("a failure ends it where it is to, with the reason and what runs when a mirror is stopped; it is owed, and waits for a person", async () => {
    const kit = new Kit([{ ...DELAYING, onFailure: "stop" }, hook({ name: "second" }), hook({ name: "release", event: "mirror-stop" })]);
    kit.duty.startByHand(WISH);
    await kit.end(0, { outcome: "timedOut", exitCode: null });
    expect(kit.told).toEqual(["stopMirror"]);
    expect(kit.mirror.report()).toMatchObject({ status: "Idle", outcome: "failed" });
    expect(kit.need).toMatchObject({ isAutomatic: false, message: expect.stringContaining("hook quiesce was ended when its time was over") });
    expect(kit.begun).toEqual(["mirror-start quiesce 1", "mirror-stop release 1 failed"]);
  });

  test("stopped while it waits: the hook is ended, nothing begins, and the hooks for that run", async () => {
    const kit = new Kit([DELAYING, hook({ name: "release", event: "mirror-stop" })]);
    kit.duty.startByHand(WISH);
    expect(kit.duty.stop()).toMatchObject({ outcome: "stopped" });
    await settled();
    expect(kit.told).toEqual(["stopMirror"]);
    expect(kit.begun).toEqual(["mirror-start quiesce 1", "mirror-stop release 1 stopped"]);
    expect(kit.duty.hooks.report("quiesce").lastRun).toMatchObject({ outcome: "interrupted", why: "its mirror was ended, or replaced" });
    expect(kit.duty.stop()).toMatchObject({ outcome: "stopped" });
    expect(kit.runs).toHaveLength(2);
  });

  test("begun anew for a reason that is nobody's wish, it has not stopped: what it waited for is ended, and runs again", async () => {
    const kit = new Kit([DELAYING, hook({ name: "release", event: "mirror-stop" })]);
    kit.duty.startByHand(WISH);
    kit.duty.require({ ...(kit.need as unknown as MirrorNeed), reason: "restart" });
    await settled();
    expect(kit.begun).toEqual(["mirror-start quiesce 1", "mirror-start quiesce 2"]);
    expect(kit.told).toEqual([]);
    await kit.end(1);
    expect(kit.told).toEqual(["mirror"]);
    // By hand: the one before is over.
    kit.duty.startByHand(WISH);
    await settled();
    expect(kit.begun.slice(2)).toEqual(["mirror-stop release 2 stopped"]);
    await kit.end(2);
    expect(kit.begun.at(-1)).toBe("mirror-start quiesce 3");
  });

  test("paused while it waits, it begins when it is resumed", async () => {
    const kit = new Kit([DELAYING]);
    kit.duty.startByHand(WISH);
    kit.duty.pause();
    await kit.end(0);
    expect(kit.told).toEqual(["pauseMirror"]);
    kit.duty.resume();
    expect(kit.told).toEqual(["mirror"]);
    kit.duty.pause();
    kit.duty.resume();
    expect(kit.told).toEqual(["pauseMirror", "pauseMirror"]);
  });

  test("one that delays at the end of a mirror holds the next", async () => {
    const kit = new Kit([hook({ name: "release", event: "mirror-complete", isDelaying: true })]);
    kit.duty.startByHand(WISH);
    expect(kit.told).toEqual(["mirror"]);
    await kit.complete();
    kit.duty.startByHand(WISH);
    expect(kit.told).toEqual([]);
    expect(kit.mirror.report().waitsForHook).toBe("release");
    await kit.end(0);
    expect(kit.told).toEqual(["mirror"]);
  });

  test("what the end of the agent ended at the end of a mirror runs anew, and holds the next one as before", async () => {
    const kit = new Kit([hook({ name: "a", event: "mirror-complete" }), hook({ name: "release", event: "mirror-complete", isDelaying: true })]);
    kit.duty.startByHand(WISH);
    await kit.complete();
    await kit.end(0);
    await kit.duty.hooks.close();
    expect(kit.saved?.ends).toEqual([{ mirror: { id: 1, mode: "difference", problemCount: 0, leftAlone: 0 }, result: "done" }]);
    const after = new Kit([], kit.saved ?? NO_HOOK_FILE);
    after.duty.startByHand(WISH);
    expect(after.mirror.report().waitsForHook).toBe("release");
    await after.end(0);
    await after.end(1);
    expect(after.begun).toEqual(["mirror-complete a 1 done", "mirror-complete release 1 done"]);
    expect([after.saved?.ends, after.told]).toEqual([[], ["mirror"]]);
    after.duty.startByHand(WISH);
    expect(after.runs).toHaveLength(2);
  });

  test("the end of the agent ends what runs, and begins nothing; that of the connection waits for what runs at the end of the mirror", async () => {
    const kit = new Kit([DELAYING, hook({ name: "release", event: "mirror-stop" })]);
    kit.duty.startByHand(WISH);
    const left = kit.duty.leave();
    await settled();
    expect(kit.begun.at(-1)).toBe("mirror-stop release 1 stopped");
    await kit.end(1);
    await left;
    kit.duty.startByHand(WISH);
    await kit.duty.hooks.close();
    expect(kit.told.filter((kind) => kind === "mirror")).toEqual([]);
    kit.duty.stop();
    await settled();
    expect(kit.runs).toHaveLength(3);
  });
});

test("adding: the same again is nothing, another of the name is refused unless it replaces, a program that would not run is refused", () => {
  const kit = new Kit([]);
  const { hooks } = kit.duty;
  expect(hooks.add(DELAYING, false)).toMatchObject({ connectionId: 1, name: "quiesce", lastRun: null });
  kit.saved = null;
  expect(hooks.add(DELAYING, false)).toMatchObject({ name: "quiesce" });
  expect(kit.saved).toBeNull();
  const other = { ...DELAYING, timeoutSeconds: 61 };
  expect(codeOf(() => hooks.add(other, false))).toBe("ALREADY_EXISTS");
  expect(hooks.add(other, true)).toMatchObject({ timeoutSeconds: 61 });
  kit.refuses = "/opt/hook.sh is not executable";
  expect(codeOf(() => hooks.add(hook(), false))).toBe("HOOK_REFUSED");
  kit.refuses = null;
  for (let i = 1; i < HOOKS_MAX; i++) hooks.add(hook({ name: `h${i}` }), false);
  expect(codeOf(() => hooks.add(hook(), false))).toBe("JOB_CONFLICT");
  hooks.remove("quiesce");
  expect(codeOf(() => hooks.remove("quiesce"))).toBe("NOT_FOUND");
  expect(hooks.reports()).toHaveLength(HOOKS_MAX - 1);
});

test("set: these and no others, in this order; what is there already keeps what is known of it", () => {
  const [a, b, c] = [hook({ name: "a" }), hook({ name: "b" }), hook({ name: "c" })];
  const lastRun = { ...FINE, mirror: 3, startedAt: "2030-01-01T00:00:00.000Z" };
  const kit = new Kit([b], { ...NO_HOOK_FILE, hooks: [{ ...a, lastRun }] });
  kit.duty.hooks.set([c, a]);
  const expected = [
    { ...c, lastRun: null },
    { ...a, lastRun },
  ];
  expect(kit.saved?.hooks).toEqual(expected);
  kit.refuses = "not here";
  expect(() => kit.duty.hooks.set([a, b])).toThrow("not here");
  expect(kit.duty.hooks.reports().map(({ name }) => name)).toEqual(["c", "a"]);
  kit.duty.hooks.set([a, c]);
  expect(kit.saved?.hooks).toEqual([...expected].reverse());
});

describe("on this machine", () => {
  function store(isEnabled = true): { readonly hooks: HookStore; readonly program: string; readonly stateDir: string } {
    const directory = makeTempDirectory();
    const [stateDir, programs] = [join(directory, "state"), join(directory, "programs")];
    for (const each of [stateDir, programs]) mkdirSync(each, { mode: 0o755 });
    const program = join(programs, "hook.sh");
    writeFileSync(program, '#!/bin/sh\necho "$SM_EVENT $1" > "$2"\nsleep 1000\n');
    chmodSync(program, 0o755);
    const source = { enabled: true, tasks: false, hooks: isEnabled, taskDirectory: programs };
    return { hooks: new HookStore({ stateDir, source }, () => []), program, stateDir };
  }

  test("it is kept for the account of the agent alone, and a file that is damaged, or that others can write, is not obeyed", () => {
    const { hooks, stateDir } = store();
    const record = { ...DELAYING, lastRun: null };
    hooks.termsOf(1).save({ hooks: [record], ends: [] });
    const file = join(stateDir, "hooks", "1.json");
    expect([statSync(file).mode & 0o777, statSync(join(stateDir, "hooks")).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(hooks.termsOf(1).file.hooks).toEqual([record]);
    chmodSync(file, 0o622);
    expect(codeOf(() => hooks.termsOf(1))).toBe("FILE_UNSAFE");
    chmodSync(file, 0o600);
    writeFileSync(file, "{");
    expect(codeOf(() => hooks.termsOf(1))).toBe("STATE_CORRUPT");
    hooks.remove(1);
    expect(existsSync(file)).toBe(false);
    expect(hooks.termsOf(1).file).toEqual(NO_HOOK_FILE);
  });

  test("a program runs without a shell, and is ended with its time; one that others may write, or that lies elsewhere, does not run", async () => {
    const { hooks, program, stateDir } = store();
    const { run, refusal } = hooks.termsOf(1);
    const out = join(stateDir, "out");
    const order = { environment: { SM_EVENT: "mirror-start" }, timeoutMs: 300, program: { path: program, args: ["a; b", out] } };
    const signal = new AbortController().signal;
    expect(await run(order, signal)).toMatchObject({ outcome: "timedOut" });
    await eventually(() => expect(readFileSync(out, "utf8")).toBe("mirror-start a; b\n"));
    expect(refusal(order.program)).toBeNull();
    expect(refusal({ path: "/bin/sh", args: ["-c", "true"] })).toContain("does not lie below");
    expect(store(false).hooks.termsOf(1).refusal(order.program)).toContain("source.hooks is false");
    chmodSync(program, 0o775);
    expect(await run(order, signal)).toMatchObject({ outcome: "refused", why: expect.stringContaining("can be written to by others") });
    chmodSync(program, 0o644);
    expect(await run(order, signal)).toMatchObject({ outcome: "refused", why: expect.stringContaining("not executable") });
  });
});
