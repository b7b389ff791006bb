// Orphans are deleted while directories and files of the source are renamed all the time, and taken where orphans lie. Whatever is
// renamed when: the target has all that the source has, and a job that does not say that there is more left no orphan. More seeds by hand:
// SM_TEST_SEEDS=200, SM_TEST_SEED=1 for the first.

import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { SeededRandom } from "../support/seeded-random.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const FIRST = Number(process.env.SM_TEST_SEED ?? 1);
const SEEDS = Array.from({ length: Number(process.env.SM_TEST_SEEDS ?? 2) }, (_, index) => FIRST + index);
const AT_ONCE = 6;
const DIRECTORIES = 14;
const RENAMES_MAX = 25;

const namesIn = (root: string): string[] => readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
const directoriesIn = (root: string): string[] => ["", ...namesIn(root).filter((path) => lstatSync(join(root, path)).isDirectory())];

function plant(random: SeededRandom, source: string): void {
  mkdirSync(source, { recursive: true });
  const all = [""];
  for (let i = 0; i < DIRECTORIES; i++) {
    const path = join(random.pick(all), `d${i}`);
    mkdirSync(join(source, path));
    all.push(path);
    for (let file = 0; file < 3; file++) writeFileSync(join(source, path, `f${i}-${file}`), `content ${i} ${file}`);
  }
}

/** Names that only the target has: files, and directories with something in them. */
function plantOrphans(random: SeededRandom, target: string): void {
  directoriesIn(target).forEach((path, index) => {
    if (random.integer(0, 2) === 0) return;
    writeFileSync(join(target, path, `orphan${index}`), "orphan");
    mkdirSync(join(target, path, `orphan-d${index}`));
    writeFileSync(join(target, path, `orphan-d${index}`, `f${index}-0`), "orphan");
  });
}

/** Moves a directory or a file somewhere else. `takesOrphans`: a file to where an orphan is, or was. */
function renameSome(random: SeededRandom, source: string, takesOrphans: boolean): void {
  const directories = directoriesIn(source);
  const from = random.pick(directories.slice(1));
  const to = random.pick(directories.filter((path) => path !== from && !path.startsWith(`${from}/`)));
  if (!takesOrphans || random.integer(0, 1) === 0) {
    if (!existsSync(join(source, to, basename(from)))) renameSync(join(source, from), join(source, to, basename(from)));
    return;
  }
  const file = readdirSync(join(source, from)).find((name) => statSync(join(source, from, name)).isFile());
  const index = random.integer(0, DIRECTORIES);
  const taken = join(source, to, random.integer(0, 1) === 0 ? `orphan${index}` : `orphan-d${index}`);
  if (file !== undefined && !existsSync(taken)) renameSync(join(source, from, file), taken);
}

async function sweepWhileRenamed(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const directory = makeTempDirectory();
  const [source, target] = [join(directory, "source"), join(directory, "target")];
  plant(random, source);
  const takesOrphans = seed % 2 === 0;
  let renames = Number.POSITIVE_INFINITY;
  const kit = SourceKit.start({
    root: source,
    target,
    // In the middle of the engine's work, between any two of its sets.
    onSet: () => {
      if (renames >= RENAMES_MAX || random.integer(0, 2) !== 0) return;
      renames += 1;
      renameSome(random, source, takesOrphans);
    },
  });
  await kit.mirror("difference");
  await kit.settle();
  plantOrphans(random, target);
  const before = namesIn(target).length;
  expect(before, `seed ${seed}`).toBeGreaterThan(namesIn(source).length);
  renames = 0;
  const options = { action: "delete", to: null, olderThanMs: null, includesExcluded: false, isConfirmed: true, isDryRun: false } as const;
  kit.jobs.obey({ kind: "orphans", connectionId: 1, jobId: 1, options, confirmFiles: 1, place: null });
  await eventually(
    () => {
      kit.engine.wake();
      kit.jobs.reportProgress();
      // As events would: what moved is told, sooner or later.
      void kit.engine.barrier(1);
      expect(kit.events.some(({ kind }) => kind === "orphansEnded")).toBe(true);
    },
    { timeoutMs: 30_000, intervalMs: 20 },
  );
  renames = Number.POSITIVE_INFINITY;
  await kit.settle();
  await kit.settle();
  const has = new Set(namesIn(target));
  for (const path of namesIn(source)) {
    expect(has.has(path), `seed ${seed}: ${path} of the source is on the target`).toBe(true);
    if (statSync(join(source, path)).isFile())
      expect(readFileSync(join(target, path), "utf8"), `seed ${seed}: ${path}`).toBe(readFileSync(join(source, path), "utf8"));
  }
  expect(kit.events.find((event) => event.kind === "orphansEnded")).toMatchObject({ failure: null });
  const counts = kit.events.flatMap((event) => (event.kind === "orphansProgress" ? [event.counts] : [])).at(-1);
  // What could not be followed is said.
  if (counts?.isPartial === false) expect(namesIn(target), `seed ${seed}`).toEqual(namesIn(source));
}

test("nothing that the source has is deleted, and what moved is found where it is", async () => {
  for (let at = 0; at < SEEDS.length; at += AT_ONCE) await Promise.all(SEEDS.slice(at, at + AT_ONCE).map(sweepWhileRenamed));
});
