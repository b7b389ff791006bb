// The copy of a running database is a database, at whatever moment replication is cut.
//   SM_TEST_CUTS=50 SM_TEST_SEED=… SM_TEST_REPORT=/a/file.md npm run test:soak -- databases -t "SQLite on xfs"

import { execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import { CutTable, isClean } from "../support/databases/cut-table.js";
import { CutTrial } from "../support/databases/cut-trial.js";
import type { DatabaseKind } from "../support/databases/database.js";
import { MARIADB } from "../support/databases/mariadb.js";
import { DatabasePlace } from "../support/databases/place.js";
import { POSTGRESQL } from "../support/databases/postgresql.js";
import { missingPackages } from "../support/databases/programs.js";
import { SQLITE } from "../support/databases/sqlite.js";
import { canMountImages, type FileSystemType, LoopImage } from "../support/loop-image.js";
import { SeededRandom } from "../support/seeded-random.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const CUTS = Number(process.env.SM_TEST_CUTS ?? 5);
const SEED = Number(process.env.SM_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
const FILE_SYSTEMS: readonly FileSystemType[] = ["ext4", "xfs"];
const FROZEN_MIB = 4096;
const FROZEN_MOMENTS = 5;
const DAMAGE_BYTES = 16 * 1024;

const table = new CutTable(process.env.SM_TEST_REPORT);

function whyNot(kind: DatabaseKind, fileSystem?: FileSystemType): string | null {
  if (process.getuid?.() !== 0) return "needs root";
  if (fileSystem !== undefined && !canMountImages(fileSystem)) return `no mkfs.${fileSystem}`;
  return missingPackages(kind);
}

function titled(title: string, reason: string | null): string {
  return reason === null ? title : `${title}: left out, ${reason}`;
}

/** Writes rubbish into the largest file with rows, in its first half: the end may be room for rows to come. */
function damage(kind: DatabaseKind, { dataDir }: DatabasePlace): void {
  const files = readdirSync(dataDir, { recursive: true, encoding: "utf8" }).filter((path) => kind.holdsRows(path));
  const sized = files.map((path) => ({ path: join(dataDir, path), size: statSync(join(dataDir, path)).size })).sort((a, b) => b.size - a.size);
  const largest = sized[0];
  if (largest === undefined) throw new Error(`no rows below ${dataDir}`);
  const fd = openSync(largest.path, "r+");
  writeSync(fd, Buffer.alloc(DAMAGE_BYTES, "rubbish "), 0, DAMAGE_BYTES, Math.floor(largest.size / 4 / DAMAGE_BYTES) * DAMAGE_BYTES);
  closeSync(fd);
}

/** While nobody can write to the file system. */
async function frozen<T>(mount: string, work: () => Promise<T>): Promise<T> {
  execFileSync("fsfreeze", ["--freeze", mount]);
  try {
    return await work();
  } finally {
    execFileSync("fsfreeze", ["--unfreeze", mount]);
  }
}

async function judged(kind: DatabaseKind, place: DatabasePlace): Promise<readonly string[]> {
  try {
    const database = await kind.open(place);
    const findings = await database.findings();
    await database.stop();
    return [...findings, ...(await kind.findingsWhenStopped(place))];
  } catch (error) {
    return [String(error)];
  }
}

for (const kind of [POSTGRESQL, MARIADB, SQLITE]) {
  const reason = whyNot(kind);
  test.skipIf(reason !== null)(titled(`${kind.name}: the judge passes a whole copy, and no damaged one`, reason), async () => {
    const place = new DatabasePlace(join(makeTempDirectory(), "data"), kind.user);
    await kind.create(place);
    const copy = await place.copyTo(`${place.dataDir}-copy`);
    expect(await judged(kind, copy)).toEqual([]);
    damage(kind, copy);
    expect(await judged(kind, copy)).not.toEqual([]);
  });

  test.skipIf(reason !== null)(titled(`${kind.name}: the judge passes what a frozen file system holds under load`, reason), async () => {
    const image = LoopImage.open({ type: "ext4", sizeMiB: FROZEN_MIB }).path;
    const place = new DatabasePlace(join(image, "data"), kind.user);
    await kind.create(place);
    const database = await kind.open(place);
    const load = database.startLoad();
    const random = new SeededRandom(SEED);
    for (let moment = 0; moment < FROZEN_MOMENTS; moment++) {
      const { commits } = await database.heartbeats(Date.now());
      await delay(random.integer(1000, 3000));
      const copy = await frozen(image, () => place.copyTo(join(makeTempDirectory(), "data")));
      load.pause();
      expect(await judged(kind, copy)).toEqual([]);
      expect((await database.heartbeats(Date.now())).commits).toBeGreaterThan(commits);
      load.resume();
    }
    await load.stop();
    await database.stop();
  });

  for (const fileSystem of FILE_SYSTEMS) {
    const why = whyNot(kind, fileSystem);
    test.skipIf(why !== null)(titled(`${kind.name} on ${fileSystem}: ${CUTS} cuts, seed ${SEED}`, why), async () => {
      const trial = new CutTrial({ kind, fileSystem, cuts: CUTS, seed: SEED, say: (text) => process.stdout.write(`${kind.name} on ${fileSystem}: ${text}\n`) });
      try {
        await trial.run();
      } finally {
        table.add(trial.result);
        process.stdout.write(`\n${table}\n`);
      }
      const { cuts, stalls } = trial.result;
      expect(cuts).toHaveLength(CUTS);
      expect({ unclean: cuts.filter((cut) => !isClean(cut)), stalls }).toEqual({ unclean: [], stalls: [] });
    });
  }
}
