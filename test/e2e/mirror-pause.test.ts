// A mirror that is paused at 40 %, over a kill of both agents: what is done is not done again, and what changed meanwhile is not missed.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ConnectionReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const DIRECTORIES = 16;
const FILES = 16;
/** Large enough to be compared block by block, as files as young as these are after a restart, whatever their times say. */
const FILE_BYTES = 300_000;
const TOTAL = DIRECTORIES * FILES * FILE_BYTES;

const nameOf = (i: number): string => String(i).padStart(3, "0");

function plant(directory: string): void {
  for (let d = 0; d < DIRECTORIES; d++) {
    mkdirSync(join(directory, `d${nameOf(d)}`), { recursive: true });
    for (let i = 0; i < FILES; i++) writeFileSync(join(directory, `d${nameOf(d)}`, `f${nameOf(i)}`), Buffer.alloc(FILE_BYTES, `${d} ${i} `));
  }
}

class PausedPair {
  readonly pair: AgentPair;
  readonly #home: string;

  constructor(pair: AgentPair, home: string) {
    this.pair = pair;
    this.#home = home;
  }

  async command(...args: string[]): Promise<void> {
    const result = await this.pair.source.cli(args);
    expect(result, `${result.stdout}${result.stderr}`).toMatchObject({ code: 0 });
  }

  /** Without the delay of a command. */
  async report(): Promise<ConnectionReport> {
    const { body } = await this.pair.source.api("connection.show", { id: this.pair.connectionId });
    return (body as { readonly connection: ConnectionReport }).connection;
  }

  get id(): string {
    return `${this.pair.connectionId}`;
  }

  /** Files that are done by the pointer on record. */
  get #kept(): number {
    const { mirrorNeed } = JSON.parse(readFileSync(join(this.#home, "state", "connections", `${this.id}.json`), "utf8"));
    const { path, name } = mirrorNeed?.doneThrough ?? { path: "", name: null };
    return path === "" ? 0 : Number(path.slice(1)) * FILES + (name === null ? FILES : Number(name.slice(1)));
  }

  /** Pauses at 40 % or a little later; what was queued then still goes. */
  async pause(hasPointer: boolean): Promise<ConnectionReport> {
    await eventually(async () => expect((await this.report()).mirror.percent).toBeGreaterThanOrEqual(40), { timeoutMs: 30_000, intervalMs: 5 });
    expect((await this.pair.source.api("mirror.pause", { id: this.pair.connectionId })).status).toBe(200);
    await this.command("mirror", "pause", this.id);
    await this.command("transmission", "limit", this.id, "--clear");
    await eventually(async () => {
      const { appliedSeq, durableSeq, lastSeq, mirror, reasons, targetDataState } = await this.report();
      expect({ applied: lastSeq - appliedSeq, durable: lastSeq - durableSeq, status: mirror.status, targetDataState }).toEqual({
        applied: 0,
        durable: 0,
        status: "Paused",
        targetDataState: "Mirror Required",
      });
      expect(reasons.map(({ code, command }) => [code, command])).toEqual([["MIRROR_PAUSED", `sm mirror resume ${this.id}`]]);
      if (hasPointer) expect(this.#kept).toBeGreaterThanOrEqual(mirror.bytesDone / FILE_BYTES - 1);
    });
    const report = await this.report();
    expect(report.mirror.percent).toBeLessThan(90);
    return report;
  }

  async killBoth(deed: () => void): Promise<void> {
    await Promise.all([this.pair.source.kill9(), this.pair.target.kill9()]);
    deed();
    await this.pair.restartTarget();
    await this.pair.restartSource();
    await eventually(async () => expect(await this.report()).toMatchObject({ state: "streaming", mirror: { status: "Paused" } }));
  }

  /** Bytes of the mirror's sets from then on, as a share of the whole, until everything is equal. */
  async resume(): Promise<number> {
    expect((await this.report()).sentMirrorBytes).toBe(0);
    await this.command("mirror", "resume", this.id);
    await this.pair.expectEqual();
    const { mirror, sentMirrorBytes } = await this.report();
    expect(mirror.outcome).toBe("done");
    return sentMirrorBytes / TOTAL;
  }
}

test("a first mirror and a full one are paused at 40 %: they send what was left, and what was changed meanwhile", async () => {
  const directory = makeTempDirectory();
  const sourceDir = join(directory, "source");
  plant(sourceDir);
  const pair = await AgentPair.start(directory);
  await pair.connect(["--no-mirror"]);
  const paused = new PausedPair(pair, join(directory, "a"));
  await paused.command("transmission", "limit", paused.id, "15MB");
  await paused.command("mirror", "start", paused.id);

  const first = await paused.pause(false);
  writeFileSync(join(sourceDir, "d000", "live"), "written while it was paused");
  const copyOfLive = join(pair.targetDir, "d000", "live");
  await eventually(() => expect(existsSync(copyOfLive) && readFileSync(copyOfLive, "utf8")).toBe("written while it was paused"));
  await paused.killBoth(() => writeFileSync(join(sourceDir, "d001", "f001"), "changed while they were down"));
  await eventually(async () => expect((await paused.report()).mirror).toMatchObject({ percent: first.mirror.percent, status: "Paused" }));
  const rest = await paused.resume();
  expect(rest).toBeLessThanOrEqual(1.01 - (first.mirror.percent ?? 0) / 100);

  await paused.command("transmission", "limit", paused.id, "15MB");
  await paused.command("mirror", "start", paused.id, "--mode", "full");
  const second = await paused.pause(true);
  await paused.killBoth(() => {
    writeFileSync(join(sourceDir, "d001", "f002"), "changed while they were down");
    rmSync(join(sourceDir, "d002", "f001"));
    rmSync(join(sourceDir, "d015", "f001"));
  });
  const share = await paused.resume();
  expect(share).toBeLessThanOrEqual(1.01 - (second.mirror.percent ?? 0) / 100);
  // All that was left is sent, be it equal or not.
  expect(share).toBeGreaterThan(0.97 - (second.mirror.percent ?? 0) / 100);
});
