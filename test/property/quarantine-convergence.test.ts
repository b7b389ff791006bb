// Whatever the target refuses, and whatever is done to the source meanwhile: while nothing is in quarantine the trees are
// equal, and once nothing is refused any more the quarantine empties. Needs root and a file system with immutable files.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { QuarantineTurns } from "../../src/apply/quarantine-turns.js";
import type { MirrorNeed } from "../../src/connection/connection-record.js";
import { QuarantineWatch } from "../../src/connection/quarantine-watch.js";
import type { Mended, QuarantineNews } from "../../src/model/session.js";
import { compareTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { runOperations } from "../support/fs-driver.js";
import { RandomOperations } from "../support/random-operations.js";
import { SeededRandom } from "../support/seeded-random.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const FIRST_SEED = Number(process.env.SM_TEST_SEED ?? 0);
const SEEDS = Number(process.env.SM_TEST_SEEDS ?? 2);
const ROUNDS = 4;
const PROTECTED = 6;

/** Source and target with the two ends of the quarantine between them, as over a channel. */
class QuarantinedKit {
  readonly kit: SourceKit;
  readonly #turns: QuarantineTurns;
  readonly #watch: QuarantineWatch;
  readonly #record: { mirrorNeed: MirrorNeed | null; cleanUntilMs: number } = { mirrorNeed: null, cleanUntilMs: 0 };
  #mirroring: Promise<void> = Promise.resolve();
  wide = 0;

  constructor(root: string, target: string) {
    this.kit = SourceKit.start({ root, target, refusals: ["EPERM"], onApplied: () => this.#turns.look() });
    this.kit.openChannel();
    this.#watch = new QuarantineWatch({
      connection: {
        id: 1,
        record: this.#record,
        mirror: { isRunning: false },
        appliedSeq: 0,
        channel: { sendMended: (mended: Mended) => void setImmediate(() => this.#turns.takeMended(mended)) },
        requireMirror: (need) => this.#mirror(need),
      },
      feed: { probe: async () => this.kit.jobs.probe(1) },
      onAsked: (answers) => {
        this.kit.jobs.obey({ kind: "answers", connectionId: 1, answers });
        this.kit.engine.wake();
      },
    });
    this.#turns = new QuarantineTurns({
      engine: this.kit.target,
      timing: { waitMs: () => Number.POSITIVE_INFINITY },
      limitMs: null,
      post: (news: QuarantineNews) => void setImmediate(() => this.#watch.take(news)),
      guarded: (work) => work(),
    });
    onTestFinished(() => this.#turns.close());
  }

  begin(): void {
    this.#turns.begin(true);
  }

  get size(): number {
    return this.kit.target.quarantine.size;
  }

  /** Nothing new is refused from here on: files changed before are those that a mirror suspects. */
  noteClean(): void {
    this.#record.cleanUntilMs = Date.now() - 10_000;
  }

  #mirror(need: MirrorNeed): void {
    if (this.#record.mirrorNeed !== null) return;
    this.wide += 1;
    this.#record.mirrorNeed = need;
    this.#mirroring = this.kit.mirror("difference", "remove", { changedSinceMs: need.changedSinceMs ?? 0 }).then(() => {
      this.#record.mirrorNeed = null;
    });
  }

  async settle(): Promise<void> {
    await this.kit.settle();
    await this.#mirroring;
    await this.kit.settle();
  }

  /** Tries until nothing is held; what is still refused stays. */
  async heal(): Promise<void> {
    await eventually(
      async () => {
        this.#turns.retry(null);
        await this.settle();
        this.#watch.look();
        await new Promise((resolve) => setImmediate(resolve));
        expect(this.size).toBe(0);
      },
      { timeoutMs: 20_000, intervalMs: 5 },
    );
  }
}

function protectSome(target: string, random: SeededRandom): void {
  const found = execFileSync("find", [target, "-mindepth", "1", "(", "-type", "f", "-o", "-type", "d", ")", "-print0"], { maxBuffer: 1 << 26 });
  const paths = found.toString("latin1").split("\0").slice(0, -1).sort();
  for (let i = 0; i < PROTECTED && paths.length > 0; i++) {
    const path = Buffer.from(random.pick(paths), "latin1");
    execFileSync("xargs", ["-0", "chattr", "+i"], { input: Buffer.concat([path, Buffer.from("\0")]) });
  }
}

function release(target: string): void {
  // What is neither file nor directory has no such attribute, and is complained of.
  spawnSync("chattr", ["-R", "-f", "-i", target], { stdio: "ignore" });
}

test.for(Array.from({ length: SEEDS }, (_, index) => FIRST_SEED + index))("refused at random, healed when released: seed %i", async (seed) => {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  mkdirSync(root);
  mkdirSync(target);
  onTestFinished(() => release(target));
  const random = new SeededRandom(seed);
  const generator = new RandomOperations({ seed, fileBytesMax: 300_000 });
  runOperations(root, generator.take(60));
  const quarantined = new QuarantinedKit(root, target);
  const { kit } = quarantined;
  await kit.mirror("full");
  quarantined.begin();
  await kit.settle();
  for (let round = 0; round < ROUNDS; round++) {
    quarantined.noteClean();
    protectSome(target, random);
    runOperations(root, generator.take(30));
    await quarantined.settle();
    if (quarantined.size === 0) expect(await compareTrees(root, target), `seed ${seed}, nothing held in round ${round}`).toEqual([]);
    runOperations(root, generator.take(30));
    await quarantined.settle();
    release(target);
    await quarantined.heal();
    expect(await compareTrees(root, target), `seed ${seed}, healed in round ${round}`).toEqual([]);
  }
});
