// The apply service with its real worker threads, and the whole process killed at each crash point and at random.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ApplyEngine } from "../../src/apply/apply-engine.js";
import { type ApplyAck, ApplyService, type ApplyServiceOptions } from "../../src/apply/apply-service.js";
import { ERRORS, type SmError } from "../../src/base/errors.js";
import { silentLog } from "../../src/base/log.js";
import type { Change } from "../../src/model/change.js";
import { bp, dir, EPOCH, file, frame, link, meta, patch, remove, rename, snapshot } from "../support/apply-kit.js";

const BUILT = new URL("../../dist/", import.meta.url);
let directory: string;
let target: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "sm-apply-service-")));
  target = join(directory, "target");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function options(part: Partial<ApplyServiceOptions> = {}): ApplyServiceOptions {
  return {
    connectionKey: "0".repeat(32),
    stateDirectory: join(directory, "state"),
    epoch: EPOCH,
    stageBytesMax: 64 * 1024 * 1024,
    mappings: [{ source: "/source/data", target }],
    rules: [{ path: "/source/data", mode: "include", recursive: true }],
    remapLinks: true,
    durability: "fsync",
    retryInitialMs: 20,
    retryMaxMs: 50,
    quarantine: { refusals: [], limitMs: null, retryMs: 0 },
    orphans: { log: "names", programDirectories: [], ownDirectories: [], allowedRoots: [] },
    failpoint: null,
    log: silentLog,
    workersUrl: new URL("apply/", BUILT),
    ...part,
  };
}

/** Collects acknowledgements; resolves when one satisfies. */
function watch(service: ApplyService): { acks: ApplyAck[]; until: (is: (ack: ApplyAck) => boolean) => Promise<ApplyAck> } {
  const acks: ApplyAck[] = [];
  const waiting: { is: (ack: ApplyAck) => boolean; resolve: (ack: ApplyAck) => void }[] = [];
  service.onAck((ack) => {
    acks.push(ack);
    for (const one of waiting) if (one.is(ack)) one.resolve(ack);
  });
  return {
    acks,
    until: (is) => {
      const found = acks.find(is);
      return found === undefined ? new Promise((resolve) => waiting.push({ is, resolve })) : Promise.resolve(found);
    },
  };
}

test("sets are applied, acknowledged together, made durable; the next start knows", async () => {
  const service = await ApplyService.open(options());
  expect(service.opened).toEqual({ appliedSeq: 0, durableSeq: 0, resumed: false, suspect: false, empty: true, limits: [], before: null });
  const { acks, until } = watch(service);
  let bytes = 0;
  for (let seq = 1; seq <= 500; seq++) {
    const one = frame(seq, [file(`f${seq}`, `content ${seq}`), ...(seq === 7 ? [rename("none", "x")] : [])]);
    bytes += one.length;
    service.push(seq % 2 === 0 ? one : Buffer.from(new Uint8Array(one).buffer));
  }
  await until((ack) => ack.durableSeq === 500);
  expect(acks.reduce((sum, ack) => sum + ack.releasedBytes, 0)).toBe(bytes);
  expect(acks.flatMap((ack) => ack.answers)).toMatchObject([
    { kind: "stale", seq: 7, path: "none" },
    { kind: "stale", seq: 7, path: "x" },
  ]);
  expect(acks.length).toBeLessThan(250);
  expect(service.queuedBytes).toBe(0);
  await service.close();
  await service.close();
  const again = await ApplyService.open(options());
  expect(again.opened).toMatchObject({ appliedSeq: 500, durableSeq: 500, resumed: true, empty: false });
  await again.close();
});

test("closing applies what was received and makes it durable", async () => {
  const service = await ApplyService.open(options());
  for (let seq = 1; seq <= 200; seq++) service.push(frame(seq, [file(`f${seq}`, "x")]));
  await service.close();
  const state = JSON.parse(readFileSync(join(directory, "state/durable.json"), "utf8"));
  expect(state).toMatchObject({ durableSeq: 200, clean: true, suspect: null });
});

test("what was applied by a process that died before the sync is made durable by the next, without a new set", async () => {
  const engine = ApplyEngine.open({ stateDirectory: join(directory, "state"), mappings: options().mappings, remapLinks: true });
  engine.begin(EPOCH);
  engine.applySet(frame(1, [file("a", "x")]));
  engine.close();
  const service = await ApplyService.open(options());
  expect(service.opened).toMatchObject({ appliedSeq: 1, durableSeq: 0, resumed: true });
  await watch(service).until((ack) => ack.durableSeq === 1);
  await service.close();
});

test("acknowledged as applied without a disk, where no durability is asked for", async () => {
  const service = await ApplyService.open(options({ durability: "write" }));
  const { until } = watch(service);
  service.push(frame(1, [file("a", "x")]));
  const ack = await until((a) => a.appliedSeq === 1);
  expect(ack.durableSeq).toBe(1);
  await service.close();
});

test("a full disk is told and waited out; what came behind follows in order", async () => {
  mkdirSync(target);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", target]);
  try {
    const service = await ApplyService.open(options());
    const { until } = watch(service);
    service.push(frame(1, [file("filler", Buffer.alloc(1000 * 1024))]));
    service.push(frame(2, [rename("filler", "moved"), file("big", Buffer.alloc(500 * 1024, 1))]));
    service.push(frame(3, [rename("big", "last")]));
    const ack = await until((a) => (a.retrying?.attempts ?? 0) >= 2);
    expect([ack.appliedSeq, ack.retrying]).toMatchObject([1, { code: "ENOSPC", path: "big" }]);
    rmSync(join(target, "moved"));
    const done = await until((a) => a.appliedSeq === 3);
    expect(done.retrying).toBe(null);
    expect(Object.keys(snapshot(target))).toEqual(["last"]);
    await service.close();
  } finally {
    execFileSync("umount", [target]);
  }
});

test("a state directory without room ends the service for now: it is tried again, and goes on where it was", async () => {
  const state = join(directory, "state");
  mkdirSync(state);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", state]);
  try {
    const full = await ApplyService.open(options());
    const failure = new Promise<SmError>((resolve) => full.onFailure(resolve));
    try {
      for (;;) writeFileSync(join(state, "ballast"), Buffer.alloc(4096), { flag: "a" });
    } catch (error) {
      expect(error).toMatchObject({ code: "ENOSPC" });
    }
    const sets = [frame(1, [file("a", "1"), ...Array.from({ length: 200 }, (_, i) => rename(`none-${i}`, `no-${i}`))]), frame(2, [file("b", "2")])];
    for (const set of sets) full.push(Buffer.from(set));
    const { code, message } = await failure;
    expect([ERRORS[code].disposition, message]).toEqual(["retry", expect.stringContaining("ENOSPC")]);
    await full.close();
    rmSync(join(state, "ballast"));
    const service = await ApplyService.open(options());
    const { until } = watch(service);
    for (const set of sets) service.push(set);
    await until((a) => a.appliedSeq === 2);
    expect(Object.keys(snapshot(target))).toEqual(["a", "b"]);
    await service.close();
  } finally {
    execFileSync("umount", [state]);
  }
});

test("closing while blocked leaves the set for the next time, which completes it before anything else", async () => {
  mkdirSync(target);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", target]);
  try {
    const service = await ApplyService.open(options());
    const { until } = watch(service);
    const sets = [frame(1, [file("a", "x")]), frame(2, [rename("a", "b"), file("big", Buffer.alloc(2 * 1024 * 1024, 1)), rename("b", "c")])];
    for (const set of sets) service.push(Buffer.from(set));
    await until((a) => a.retrying !== null);
    await service.close();
    execFileSync("mount", ["-o", "remount,size=8m", target]);
    const again = await ApplyService.open(options());
    expect(again.opened).toMatchObject({ appliedSeq: 2, resumed: true });
    expect(Object.keys(snapshot(target))).toEqual(["big", "c"]);
    await again.close();
  } finally {
    execFileSync("umount", [target]);
  }
});

test("a frame that is none, and a root that was replaced, end the service with their reason", async () => {
  const replacedRoot = (): Buffer => {
    rmSync(target, { recursive: true });
    return frame(9, [file("b", "x")]);
  };
  for (const [breaking, code] of [
    [() => Buffer.from("no frame at all"), "PROTOCOL"],
    [replacedRoot, "ROOT_MISSING"],
  ] as const) {
    const service = await ApplyService.open(options());
    const { until } = watch(service);
    service.push(frame(service.opened.appliedSeq + 1, [file("a", "x")]));
    await until((a) => a.appliedSeq > service.opened.appliedSeq);
    const failure = new Promise<SmError>((resolve) => service.onFailure(resolve));
    service.push(breaking());
    expect((await failure).code).toBe(code);
    await service.close();
  }
});

test("a source that ignores its window is cut off", async () => {
  const service = await ApplyService.open(options());
  const failure = new Promise<SmError>((resolve) => service.onFailure(resolve));
  for (let i = 0; i < 40; i++) service.push(Buffer.alloc(4 * 1024 * 1024));
  expect((await failure).code).toBe("PROTOCOL");
  await service.close();
});

test("rules that are none are refused at open", async () => {
  await expect(ApplyService.open(options({ mappings: [{ source: "relative", target }] }))).rejects.toMatchObject({ code: "REPSET_RULE_ILLEGAL" });
});

const CHILD = `
import { readFileSync } from "node:fs";
const [, , built, optionsJson, framesPath] = process.argv;
const { ApplyService } = await import(built + "apply/apply-service.js");
const log = { error() {}, warn() {}, info() {}, debug() {} };
const frames = JSON.parse(readFileSync(framesPath, "utf8"));
process.stdout.write("loaded\\n");
const service = await ApplyService.open({ ...JSON.parse(optionsJson), workersUrl: new URL(built + "apply/"), log });
process.stdout.write("opened\\n");
let last = service.opened.appliedSeq;
service.onFailure((error) => { console.error(error); process.exit(9); });
const finished = new Promise((resolve) => service.onAck((ack) => { if (ack.durableSeq === frames.length) resolve(); }));
for (const [i, frame] of frames.entries()) if (i + 1 > last) service.push(Buffer.from(frame, "base64"));
if (service.opened.durableSeq < frames.length) await finished;
await service.close();
`;

/** Sets in which every change depends on those before it: a step done twice or not at all shows. */
function chainedSets(count: number): Change[][] {
  const base = (sec: number) => ({ size: 10, mtimeSec: sec, mtimeNsec: 123_456_789 });
  return Array.from({ length: count }, (_, i) => [
    ...(i === 0 ? [dir("d"), file("d/a", "0123456789", { mtimeSec: 1 }), file("x", "x"), file("y", "y")] : []),
    patch("d/a", base(i + 1), [[i % 10, "z"]], 10, meta({ mtimeSec: i + 2 })),
    rename("x", "t"),
    rename("y", "x"),
    rename("t", "y"),
    rename("d", "e", "dir"),
    link(`l${i}`, "e/a"),
    file(`n${i}`, `new ${i}`),
    rename("e", "d", "dir"),
    remove(`l${i}`),
    ...(i > 0 ? [remove(`n${i - 1}`)] : []),
    { op: "symlink", root: 0, path: bp("s"), target: `n${i}`, meta: meta() } as Change,
  ]);
}

function spawnChild(framesPath: string, failpoint: string | null): ChildProcess {
  const plain: Partial<Record<keyof ApplyServiceOptions, unknown>> = { ...options({ failpoint }) };
  delete plain.log;
  delete plain.workersUrl;
  const script = join(directory, "child.mjs");
  writeFileSync(script, CHILD);
  const child = spawn(process.execPath, [script, BUILT.href, JSON.stringify(plain), framesPath], { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  return child;
}

/** The child is ended with the test, however that ends. */
const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});

function exitOf(child: ChildProcess): Promise<number | string | null> {
  return new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
}

function expectedTree(sets: readonly (readonly Change[])[]): Record<string, string> {
  const engine = ApplyEngine.open({
    stateDirectory: join(directory, "other-state"),
    mappings: [{ source: "/source/data", target: join(directory, "other") }],
    remapLinks: true,
  });
  engine.begin(EPOCH);
  for (const [i, set] of sets.entries()) expect(engine.applySet(frame(i + 1, set))).toMatchObject({ kind: "applied", answers: [] });
  engine.close();
  return snapshot(join(directory, "other"));
}

function plantFrames(sets: readonly (readonly Change[])[]): string {
  const path = join(directory, "frames.json");
  writeFileSync(path, JSON.stringify(sets.map((set, i) => frame(i + 1, set).toString("base64"))));
  return path;
}

for (const point of ["apply.set.beforeFirst", "apply.change.afterIntent", "apply.change.afterDeed", "apply.set.beforeCursor", "apply.durable.beforeCursor"]) {
  test(`killed at ${point} each time, then once not: every step is done exactly once`, async () => {
    const sets = chainedSets(12);
    const frames = plantFrames(sets);
    for (let i = 0; i < 4; i++) expect(await exitOf(spawnChild(frames, point))).toBe("SIGKILL");
    expect(await exitOf(spawnChild(frames, null))).toBe(0);
    expect(snapshot(target)).toEqual(expectedTree(sets));
  });
}

test("killed at random moments until it is through: every step is done exactly once", async () => {
  const sets = chainedSets(500);
  const frames = plantFrames(sets);
  let kills = 0;
  // How long it takes to open is the machine's.
  let openMs = 0;
  for (let result: number | string | null = "SIGKILL"; result !== 0; kills++) {
    expect(result).toBe("SIGKILL");
    const child = spawnChild(frames, null);
    const exit = exitOf(child);
    const killWithin = (ms: number): unknown => setTimeout(() => child.kill("SIGKILL"), Math.random() * ms);
    let loadedMs = 0;
    const isKilledOpening = kills % 4 === 3;
    child.stdout?.setEncoding("utf8").on("data", (words: string) => {
      if (words.includes("loaded")) {
        loadedMs = performance.now();
        if (isKilledOpening) killWithin(openMs);
      }
      if (!words.includes("opened") || isKilledOpening) return;
      openMs = performance.now() - loadedMs;
      killWithin(60 + kills * 30);
    });
    result = await exit;
  }
  expect(kills).toBeGreaterThan(1);
  expect(snapshot(target)).toEqual(expectedTree(sets));
});
