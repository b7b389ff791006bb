// Whatever two trees hold, the plan of a mirror says what that mirror then does: the same files are sent, so many bytes, and so many names go.

import { linkSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { MirrorWish } from "../../src/model/mirror-wish.js";
import { compareTrees, readManifest } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { planOf } from "../support/plan-of.js";
import { SeededRandom } from "../support/seeded-random.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const NAMES = ["a", "b", "c", "d"];
const SIZES = [0, 10, 5_000, 300_000];
const WISHES: readonly MirrorWish[] = [
  { mode: "full", content: "times", newerOnly: false },
  { mode: "difference", content: "times", newerOnly: false },
  { mode: "difference", content: "times", newerOnly: true },
  { mode: "difference", content: "checksum", newerOnly: false },
  { mode: "difference", content: "checksum-all", newerOnly: false },
];

/** Each name becomes a file, a link, a directory, or nothing; few sizes, times and contents, so that much is equal. */
function plant(directory: string, random: SeededRandom, depth: number): void {
  mkdirSync(directory, { recursive: true });
  for (const name of NAMES) {
    const path = join(directory, name);
    const dice = random.integer(0, 9);
    if (dice < 2) continue;
    if (dice < 4 && depth > 0) {
      plant(path, random, depth - 1);
    } else if (dice === 4) {
      symlinkSync(random.pick(["a", "nowhere"]), path);
    } else {
      const content = Buffer.alloc(random.pick(SIZES), random.pick(["x", "x", "y"]));
      writeFileSync(path, content);
      const seconds = 1_600_000_000 + random.integer(0, 2);
      utimesSync(path, seconds, seconds);
    }
  }
}

/** Names that the target has and the source does not, all below them included; what is in the way of another type counts as well. */
async function goneOf(root: string, target: string): Promise<number> {
  const source = new Map((await readManifest(root)).map((entry) => [entry.path, entry.type]));
  return (await readManifest(target)).filter(({ path, type }) => source.get(path) !== type).length;
}

test.each([1, 3, 4, 5, 7])("seed %i", async (seed) => {
  const random = new SeededRandom(seed);
  const wish = WISHES[seed % WISHES.length] as MirrorWish;
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  for (const top of [root, target]) plant(top, random, 2);
  const [file] = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isFile());
  if (file !== undefined) {
    linkSync(join(root, file.name), join(root, "z-link"));
    rmSync(join(target, "z-link"), { force: true, recursive: true });
  }
  await pastRacy();
  const kit = SourceKit.start({ root, target });
  kit.openChannel();
  const before = await readManifest(target);
  const { parts, counts } = await planOf(kit, wish);
  expect(await readManifest(target)).toEqual(before);
  const gone = await goneOf(root, target);
  const since = kit.sets.length;
  await kit.mirror(wish.mode, "remove", "none", wish);
  await kit.settle();
  const changes = kit.sets.slice(since).flatMap((set) => set.changes);
  const sent = changes.reduce((sum, change) => sum + (change.op === "file" ? change.payload.length : 0), 0);
  expect({ bytes: parts.create.bytes + parts.overwrite.bytes, unjudged: counts.unjudged }).toEqual({ bytes: sent, unjudged: 0 });
  if (!wish.newerOnly) expect(parts.delete.files + parts.delete.directories).toBe(gone);
  if (wish.content !== "checksum-all") return;
  expect(await compareTrees(root, target)).toEqual([]);
  const { parts: after } = await planOf(kit, wish);
  for (const { files, directories } of Object.values(after)) expect({ files, directories }).toEqual({ files: 0, directories: 0 });
});
