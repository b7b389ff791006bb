// The port CaptureSource on each of its implementations: whatever happens, the facts sooner or later name the place, or a
// directory to be listed that holds it.

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { ChokidarSource } from "../../src/capture/chokidar-source.js";
import { FanotifySource } from "../../src/capture/fanotify-source.js";
import { FeedBoard } from "../../src/capture/feed-board.js";
import { WalkSource } from "../../src/capture/walk-source.js";
import { type BytePath, isBelow, parentPath } from "../../src/model/byte-path.js";
import type { CaptureFact, CaptureScope, CaptureSource } from "../../src/model/capture-port.js";
import { eventually } from "../support/eventually.js";
import { POLL_WORKER, whyNoFanotify } from "../support/fanotify-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const WALK_SECONDS = 0.2;
const WAIT = { timeoutMs: 15_000, intervalMs: 10 };

type Open = (scope: CaptureScope) => Promise<CaptureSource>;

const NO_FANOTIFY = whyNoFanotify();
const openFanotify: Open = (scope) => FanotifySource.open({ scope, walkSeconds: WALK_SECONDS, pollWorker: POLL_WORKER });

/** One more set on the same file system, which reads what both are to know. */
const besideAnother: Open = async (scope) => {
  const common = { scope, walkSeconds: WALK_SECONDS, pollWorker: POLL_WORKER, board: new FeedBoard() };
  const other = await FanotifySource.open(common);
  const timer = setInterval(() => {
    other.drain();
    other.take(10_000);
  });
  onTestFinished(async () => {
    clearInterval(timer);
    await other.close();
  });
  return FanotifySource.open(common);
};

const IMPLEMENTATIONS: readonly (readonly [string, Open])[] = [
  ["ChokidarSource", (scope) => ChokidarSource.open({ scope, watchesMax: null, walkSeconds: WALK_SECONDS })],
  ["ChokidarSource out of watches", (scope) => ChokidarSource.open({ scope, watchesMax: 1, walkSeconds: WALK_SECONDS })],
  ...(NO_FANOTIFY === null ? [["FanotifySource", openFanotify] as const, ["FanotifySource beside another", besideAnother] as const] : []),
  ["WalkSource", async (scope) => new WalkSource({ scope, walkSeconds: WALK_SECONDS })],
];

interface Watched {
  readonly root: string;
  readonly source: CaptureSource;
  readonly facts: CaptureFact[];
  readonly path: (name: string) => Buffer;
}

function makeRoot(): string {
  const root = join(fs.realpathSync(makeTempDirectory()), "root");
  for (const directory of ["d/sub", "e"]) fs.mkdirSync(join(root, directory), { recursive: true });
  for (const file of ["a", "b", "d/f", "d/sub/g", "e/h"]) fs.writeFileSync(join(root, file), `content of ${file}`);
  return root;
}

async function watch(open: Open, root: string, mayContain: CaptureScope["mayContain"] = () => true): Promise<Watched> {
  const source = await open({ roots: [{ index: 0, path: root }], mayContain });
  onTestFinished(() => source.close());
  const facts: CaptureFact[] = [];
  source.onFacts(() => setImmediate(() => facts.push(...source.take(10_000))));
  await source.arm();
  return { root, source, facts, path: (name) => Buffer.from(`${root}/${name}`, "latin1") };
}

function covers(fact: CaptureFact, path: BytePath): boolean {
  switch (fact.kind) {
    case "directory":
      return fact.recursive ? isBelow(path, fact.path) : parentPath(path) === fact.path;
    case "lost":
      return isBelow(path, fact.path);
    case "rename":
      return isBelow(path, fact.path) || isBelow(path, fact.to);
    default:
      // A name that is new or gone speaks for all below it.
      return isBelow(path, fact.path) && fact.path !== "";
  }
}

async function expectCovered(facts: readonly CaptureFact[], paths: readonly string[]): Promise<void> {
  await eventually(() => {
    const open = paths.filter((path) => !facts.some((fact) => covers(fact, path as BytePath)));
    expect(open, "named by no fact").toEqual([]);
  }, WAIT);
}

interface Deed {
  readonly name: string;
  readonly run: (path: (name: string) => Buffer) => void;
  readonly concerns: readonly string[];
}

const DEEDS: readonly Deed[] = [
  { name: "a file is made", run: (path) => fs.writeFileSync(path("d/new"), "x"), concerns: ["d/new"] },
  { name: "a file is written", run: (path) => fs.writeFileSync(path("d/f"), "other content"), concerns: ["d/f"] },
  { name: "a file deep below is written", run: (path) => fs.writeFileSync(path("d/sub/g"), "other"), concerns: ["d/sub/g"] },
  { name: "a file is appended to", run: (path) => fs.appendFileSync(path("d/f"), "more"), concerns: ["d/f"] },
  { name: "a file is cut", run: (path) => fs.truncateSync(path("d/f"), 1), concerns: ["d/f"] },
  { name: "a file gets another mode", run: (path) => fs.chmodSync(path("d/f"), 0o600), concerns: ["d/f"] },
  { name: "a directory gets another mode", run: (path) => fs.chmodSync(path("d/sub"), 0o700), concerns: ["d/sub"] },
  { name: "a file gets other times", run: (path) => fs.utimesSync(path("d/f"), 1, 1), concerns: ["d/f"] },
  { name: "a file is renamed", run: (path) => fs.renameSync(path("a"), path("a2")), concerns: ["a", "a2"] },
  { name: "a file is renamed over another", run: (path) => fs.renameSync(path("a"), path("b")), concerns: ["a", "b"] },
  { name: "a file is moved to another directory", run: (path) => fs.renameSync(path("d/f"), path("e/f")), concerns: ["d/f", "e/f"] },
  { name: "a directory is renamed", run: (path) => fs.renameSync(path("d"), path("z")), concerns: ["d", "z"] },
  { name: "a directory is moved into another", run: (path) => fs.renameSync(path("d"), path("e/d")), concerns: ["d", "e/d"] },
  { name: "a file is removed", run: (path) => fs.unlinkSync(path("d/f")), concerns: ["d/f"] },
  { name: "a tree is removed", run: (path) => fs.rmSync(path("d").toString(), { recursive: true }), concerns: ["d"] },
  { name: "a hard link is made", run: (path) => fs.linkSync(path("a"), path("e/link")), concerns: ["e/link"] },
  { name: "a symbolic link is made", run: (path) => fs.symlinkSync("nowhere", path("e/link")), concerns: ["e/link"] },
  {
    name: "a symbolic link to a directory is made, which is not followed",
    run: (path) => fs.symlinkSync("../d", path("e/loop")),
    concerns: ["e/loop"],
  },
  {
    name: "nested directories are made and filled at once",
    run: (path) => {
      fs.mkdirSync(path("n/e/s/t"), { recursive: true });
      for (const file of ["n/1", "n/e/2", "n/e/s/3", "n/e/s/t/4"]) fs.writeFileSync(path(file), file);
    },
    concerns: ["n", "n/1", "n/e/2", "n/e/s/3", "n/e/s/t/4"],
  },
  { name: "a name is not UTF-8", run: (path) => fs.writeFileSync(path("d/\xff\xfe"), "x"), concerns: ["d/\xff\xfe"] },
  {
    name: "a directory's name is not UTF-8",
    run: (path) => {
      fs.mkdirSync(path("\xff"));
      fs.writeFileSync(path("\xff/in"), "x");
    },
    concerns: ["\xff", "\xff/in"],
  },
  { name: "a name holds a line break", run: (path) => fs.writeFileSync(path("d/new\nline"), "x"), concerns: ["d/new\nline"] },
  {
    name: "a name comes and goes over a known one",
    run: (path) => {
      fs.writeFileSync(path("d/f"), "short life");
      fs.unlinkSync(path("d/f"));
    },
    concerns: ["d/f"],
  },
];

test.skipIf(NO_FANOTIFY === null)(`FanotifySource is left out: ${NO_FANOTIFY}`, () => undefined);

describe.each(IMPLEMENTATIONS)("%s", (_name, open) => {
  test.for(DEEDS)("$name", async ({ run, concerns }) => {
    const { facts, path } = await watch(open, makeRoot());
    run(path);
    await expectCovered(facts, concerns);
  });

  test("what happens in a directory made, or moved, after arming is seen", async () => {
    const { facts, path } = await watch(open, makeRoot());
    fs.mkdirSync(path("later"));
    fs.renameSync(path("d"), path("moved"));
    await expectCovered(facts, ["later", "moved"]);
    for (const name of ["later/x", "moved/f", "moved/sub/g"]) {
      await eventually(async () => {
        facts.length = 0;
        fs.writeFileSync(path(name), String(performance.now()));
        await eventually(() => expect(facts.some((fact) => covers(fact, name as BytePath))).toBe(true), { timeoutMs: 1000, intervalMs: 10 });
      }, WAIT);
    }
  });

  test("directories that traded places are told apart", async () => {
    const { facts, path } = await watch(open, makeRoot());
    fs.renameSync(path("d"), path("t"));
    fs.renameSync(path("e"), path("d"));
    fs.renameSync(path("t"), path("e"));
    await expectCovered(facts, ["d", "e"]);
    for (const name of ["d/h", "e/f", "e/sub/g"]) {
      await eventually(async () => {
        facts.length = 0;
        fs.appendFileSync(path(name), "more");
        await eventually(() => expect(facts.some((fact) => covers(fact, name as BytePath))).toBe(true), { timeoutMs: 1000, intervalMs: 10 });
      }, WAIT);
    }
  });

  test("take gives no more than asked for, and the rest later", async () => {
    const root = makeRoot();
    const source = await open({ roots: [{ index: 0, path: root }], mayContain: () => true });
    onTestFinished(() => source.close());
    await source.arm();
    for (let i = 0; i < 50; i++) fs.writeFileSync(join(root, `many${i}`), "x");
    const facts: CaptureFact[] = [];
    await eventually(() => {
      const some = source.take(3);
      expect(some.length).toBeLessThanOrEqual(3);
      facts.push(...some);
      expect(Array.from({ length: 50 }, (_, i) => `many${i}`).filter((name) => !facts.some((fact) => covers(fact, name as BytePath)))).toEqual([]);
    }, WAIT);
    expect(source.take(0)).toEqual([]);
  });

  test("its coverage says which tier it is and what it cannot see", async () => {
    const { source } = await watch(open, makeRoot());
    const coverage = source.coverage();
    expect(coverage.tier).toBeGreaterThanOrEqual(1);
    expect(coverage.why).not.toBe("");
    expect(coverage.blindSpots.length).toBeGreaterThan(0);
    expect(coverage.directoriesWatched).toBeLessThanOrEqual(coverage.directoriesTotal);
    if (coverage.directoriesWatched < coverage.directoriesTotal) expect(coverage.walkSeconds).toBeGreaterThan(0);
  });

  test("after close nothing comes any more", async () => {
    const { source, facts, path } = await watch(open, makeRoot());
    await source.close();
    await source.close();
    facts.length = 0;
    source.take(1_000_000);
    fs.writeFileSync(path("a"), "unseen");
    await new Promise((resolve) => setTimeout(resolve, 3 * WALK_SECONDS * 1000));
    expect([...facts, ...source.take(10)]).toEqual([]);
  });
});

describe("ChokidarSource alone", () => {
  const tenDirectories = (): string => {
    const root = join(fs.realpathSync(makeTempDirectory()), "root");
    for (let i = 1; i < 10; i++) fs.mkdirSync(join(root, `d${i}`), { recursive: true });
    return root;
  };

  test("with fewer watches than directories it says how many, what is needed, and covers the rest by walks", async () => {
    const { source, facts, path } = await watch((scope) => ChokidarSource.open({ scope, watchesMax: 3, walkSeconds: WALK_SECONDS }), tenDirectories());
    const coverage = source.coverage();
    expect(coverage).toMatchObject({ directoriesWatched: 3, directoriesTotal: 10, walkSeconds: WALK_SECONDS });
    expect(coverage.advice).toContain("3 of 10 directories");
    expect(coverage.advice).toContain("fs.inotify.max_user_watches=12");
    for (let i = 1; i < 10; i++) fs.writeFileSync(path(`d${i}/x`), "x");
    await expectCovered(
      facts,
      Array.from({ length: 9 }, (_, i) => `d${i + 1}/x`),
    );
  });

  test("with watches for all it needs no walk and no advice", async () => {
    const { source } = await watch((scope) => ChokidarSource.open({ scope, watchesMax: null, walkSeconds: WALK_SECONDS }), tenDirectories());
    expect(source.coverage()).toMatchObject({ directoriesWatched: 10, directoriesTotal: 10, walkSeconds: 0, advice: null });
  });

  test("directories that come and go leave the count as it was", async () => {
    const { source, path } = await watch((scope) => ChokidarSource.open({ scope, watchesMax: null, walkSeconds: WALK_SECONDS }), tenDirectories());
    fs.mkdirSync(path("new/below"), { recursive: true });
    await eventually(() => expect(source.coverage().directoriesWatched).toBe(12), WAIT);
    fs.rmSync(path("new").toString(), { recursive: true });
    await eventually(() => expect(source.coverage()).toMatchObject({ directoriesWatched: 10, directoriesTotal: 10 }), WAIT);
  });

  test("excluded directories are neither watched nor counted", async () => {
    const root = tenDirectories();
    const mayContain = (_: number, directory: string): boolean => !/^d[5-9]/.test(directory);
    const { source, facts, path } = await watch((scope) => ChokidarSource.open({ scope, watchesMax: null, walkSeconds: WALK_SECONDS }), root, mayContain);
    expect(source.coverage()).toMatchObject({ directoriesWatched: 5, directoriesTotal: 5 });
    fs.writeFileSync(path("d7/x"), "unseen");
    fs.writeFileSync(path("d2/x"), "seen");
    await expectCovered(facts, ["d2/x"]);
    expect(facts.filter((fact) => fact.path.startsWith("d7/"))).toEqual([]);
  });

  test("a process that closed its source ends by itself", () => {
    const root = tenDirectories();
    const module = new URL("../../dist/capture/chokidar-source.js", import.meta.url).href;
    const script = `const { ChokidarSource } = await import(${JSON.stringify(module)});
      const scope = { roots: [{ index: 0, path: ${JSON.stringify(root)} }], mayContain: () => true };
      const source = await ChokidarSource.open({ scope, watchesMax: null, walkSeconds: 1 });
      await source.arm();
      await source.close();`;
    const ended = spawnSync(process.execPath, ["--input-type=module", "-e", script], { timeout: 20_000, encoding: "utf8" });
    expect([ended.status, ended.signal, ended.stderr]).toEqual([0, null, ""]);
  });
});
