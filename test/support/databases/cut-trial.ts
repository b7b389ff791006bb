// Is the copy on the target a database at every moment? A database writes on the source; at random moments replication is
// cut, the target's directory is copied aside, and the database is opened and judged on that copy.

import { join } from "node:path";
import { delay } from "../../../src/base/wait.js";
import type { ConnectionReport, StatusReport } from "../../../src/model/status.js";
import { AgentPair } from "../agent-pair.js";
import { expectEqualTrees } from "../compare-trees.js";
import { type FileSystemType, LoopImage } from "../loop-image.js";
import { SeededRandom } from "../seeded-random.js";
import { makeTempDirectory } from "../temp-tree.js";
import type { Database, DatabaseKind, Heartbeats, Load } from "./database.js";
import { DatabasePlace } from "./place.js";

const SOURCE_MIB = 4096;
/** Room for the copies, too. */
const TARGET_MIB = 8192;
const SYNC_SECONDS = 600;
/** A repair that takes longer under load does not keep up with it. */
const REPAIR_MS_MAX = 120_000;
const ANSWER_MS = 30_000;
const LOOK_INTERVAL_MS = 100;
const MOMENT_MS_MIN = 200;
const MOMENT_MS_MAX = 3000;
/** Every so many-th moment it is the target that dies. */
const TARGET_CUTS = 3;

export interface TrialOptions {
  readonly kind: DatabaseKind;
  readonly fileSystem: FileSystemType;
  readonly cuts: number;
  readonly seed: number;
  say(text: string): void;
}

export interface Cut {
  readonly killed: "source" | "target";
  /** Until everything was replicated again before the cut. */
  readonly repairSeconds: number;
  readonly hasRecovered: boolean;
  /** What is wrong with the recovered copy. */
  readonly findings: readonly string[];
  /** From the newest commit in the copy to the newest on the source at the moment of the cut; null when the copy could not be asked. */
  readonly lostMs: number | null;
  readonly lostCommits: number | null;
  /** Why the target did not take itself for a state of the source, if so. */
  readonly doubt: string | null;
}

export interface TrialResult {
  readonly database: string;
  readonly fileSystem: FileSystemType;
  /** How the source was captured. */
  readonly capture: string;
  readonly seed: number;
  readonly cuts: readonly Cut[];
  /** Repairs that did not keep up with the load. */
  readonly stalls: readonly string[];
}

/** As far as it has come, also when `run` throws. */
export class CutTrial {
  readonly #options: TrialOptions;
  readonly #cuts: Cut[] = [];
  readonly #stalls: string[] = [];
  readonly #random: SeededRandom;
  #description: string;
  #capture = "";

  constructor(options: TrialOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#description = options.kind.name;
  }

  get result(): TrialResult {
    const { fileSystem, seed } = this.#options;
    return { database: this.#description, fileSystem, capture: this.#capture, seed, cuts: this.#cuts, stalls: this.#stalls };
  }

  async run(): Promise<void> {
    const { kind, fileSystem, cuts, say } = this.#options;
    const sourceDir = join(LoopImage.open({ type: fileSystem, sizeMiB: SOURCE_MIB }).path, "data");
    const targetMount = LoopImage.open({ type: fileSystem, sizeMiB: TARGET_MIB }).path;
    const targetPlace = new DatabasePlace(join(targetMount, "data"), kind.user);
    const place = new DatabasePlace(sourceDir, kind.user);
    await kind.create(place);
    const database = await kind.open(place);
    this.#description = database.description;
    const load = database.startLoad();
    const pair = await AgentPair.start(makeTempDirectory(), { sourceDir, targetDir: targetPlace.dataDir });
    await pair.connect();
    for (let cut = 1; cut <= cuts; cut++) {
      const { promised, repairSeconds } = await this.#repaired(pair, database, load);
      this.#capture = await captureTier(pair);
      await delay(this.#random.integer(MOMENT_MS_MIN, MOMENT_MS_MAX));
      load.check();
      const killed = cut % TARGET_CUTS === 0 ? "target" : "source";
      const { at, doubt } = await cutReplication(pair, killed);
      const copy = await targetPlace.copyTo(join(targetMount, "copy"));
      // A client that is halted may hold a lock of the database.
      const committed = await database.heartbeats(at);
      load.pause();
      const made = { killed, repairSeconds, doubt, ...(await judge(kind, copy, { committed, promised })) } as const;
      this.#cuts.push(made);
      say(describeCut(cut, made));
      await pair.restartTarget();
      await pair.restartSource();
      load.resume();
    }
    await this.#repaired(pair, database, load);
    await endEqual(pair, database, load);
  }

  /** How many commits the target has at least, and how long it took. A load that repair does not keep up with is halted for it. */
  async #repaired(pair: AgentPair, database: Database, load: Load): Promise<{ readonly promised: number; readonly repairSeconds: number }> {
    const from = performance.now();
    const { commits } = await database.heartbeats(Date.now());
    if (!(await isRepaired(pair, REPAIR_MS_MAX))) {
      const { reasons } = await connectionOf(pair);
      this.#stalls.push(
        `not repaired within ${REPAIR_MS_MAX} ms under load, ${this.#cuts.length} cuts done: ${reasons.map(({ message }) => message).join("; ")}`,
      );
      this.#options.say(this.#stalls.at(-1) ?? "");
      load.pause();
      if (!(await isRepaired(pair, REPAIR_MS_MAX))) throw new Error(`not repaired without load: ${JSON.stringify(await connectionOf(pair))}`);
      load.resume();
    }
    return { promised: commits, repairSeconds: Math.round((performance.now() - from) / 100) / 10 };
  }
}

/** True when the target has all that the source had at the call, and nothing on it is in doubt; false when that takes too long. */
async function isRepaired(pair: AgentPair, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  const sync = ["sync", `${pair.connectionId}`, "--timeout", `${timeoutMs / 1000}`];
  const { code } = await pair.source.cli(sync, { timeoutMs: timeoutMs + ANSWER_MS });
  if (code !== 0) return false;
  for (;;) {
    const { state, targetDataState } = await connectionOf(pair);
    if (state === "streaming" && targetDataState === "OK") return true;
    if (performance.now() > deadline) return false;
    await delay(LOOK_INTERVAL_MS);
  }
}

async function statusOf(pair: AgentPair): Promise<StatusReport> {
  const { body } = await pair.source.api("status");
  return body as StatusReport;
}

async function connectionOf(pair: AgentPair): Promise<ConnectionReport> {
  const report = (await statusOf(pair)).connections.find(({ id }) => id === pair.connectionId);
  if (report === undefined) throw new Error(`no connection ${pair.connectionId}`);
  return report;
}

async function captureTier(pair: AgentPair): Promise<string> {
  const { captures } = await statusOf(pair);
  return captures.map(({ coverage }) => `${coverage.source}, tier ${coverage.tier}`).join("; ");
}

/** Kills one agent; the target then finishes what it has begun, and rests. `at` is the moment of the kill. */
async function cutReplication(pair: AgentPair, killed: "source" | "target"): Promise<{ readonly at: number; readonly doubt: string | null }> {
  const at = Date.now();
  if (killed === "target") await pair.target.kill9();
  await pair.source.kill9();
  if (killed === "target") await pair.restartTarget();
  const { targets } = await pair.target.status();
  await pair.target.stop();
  return { at, doubt: targets.map(({ consistency }) => consistency.reason?.message ?? "").join("; ") || null };
}

interface Expected {
  /** Up to the moment of the cut. */
  readonly committed: Heartbeats;
  /** Commits that were on the target before it. */
  readonly promised: number;
}

async function judge(kind: DatabaseKind, place: DatabasePlace, expected: Expected): Promise<Omit<Cut, "killed" | "repairSeconds" | "doubt">> {
  const { committed } = expected;
  let copy: Database;
  try {
    copy = await kind.open(place);
  } catch (error) {
    return { hasRecovered: false, findings: [String(error)], lostMs: null, lostCommits: null };
  }
  const findings = [...(await copy.findings())];
  const found = await copy.heartbeats(Number.MAX_SAFE_INTEGER).catch((error: Error) => {
    findings.push(error.message);
    return null;
  });
  await copy.stop().catch((error: Error) => findings.push(error.message));
  findings.push(...(await kind.findingsWhenStopped(place)));
  if (found === null) return { hasRecovered: true, findings, lostMs: null, lostCommits: null };
  if (found.commits < expected.promised) findings.push(`${found.commits} commits, though sync had returned for ${expected.promised}`);
  const lostMs = Math.max(0, committed.newestMs - found.newestMs);
  return { hasRecovered: true, findings, lostMs, lostCommits: Math.max(0, committed.commits - found.commits) };
}

/** The load ends, and the trees are equal in everything. */
async function endEqual(pair: AgentPair, database: Database, load: Load): Promise<void> {
  await load.stop();
  await database.stop();
  await pair.sync(SYNC_SECONDS);
  await expectEqualTrees(pair.sourceDir, pair.targetDir);
}

function describeCut(number: number, cut: Cut): string {
  const { killed, repairSeconds, hasRecovered, findings, lostMs, lostCommits, doubt } = cut;
  const loss = lostMs === null ? "" : `, ${lostMs} ms and ${lostCommits} commits behind`;
  const verdict = hasRecovered ? `recovered${findings.length === 0 ? ", clean" : ""}` : "not recovered";
  return [
    `cut ${number}: replicated after ${repairSeconds} s, ${killed} killed: ${verdict}${loss}${doubt === null ? "" : `; in doubt: ${doubt}`}`,
    ...findings.map((finding) => `  ${finding.slice(0, 2000)}`),
  ].join("\n");
}
