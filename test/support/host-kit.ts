// An apply host in this process, on a temporary target: what is sent to it is worked off when `send` returns. It can be
// lost at any crash point, as by kill -9, and opened again.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApplyEngine } from "../../src/apply/apply-engine.js";
import { ApplyHost } from "../../src/apply/apply-host.js";
import type { FromApplyWorker, ToApplyWorker } from "../../src/apply/apply-messages.js";
import { HostTasks } from "../../src/apply/host-tasks.js";
import { Stage } from "../../src/apply/stage.js";
import { closeFd } from "../../src/fs/native.js";
import type { Change } from "../../src/model/change.js";
import { encodeChangeSet } from "../../src/model/change-set.js";
import { EPOCH } from "./apply-kit.js";

export type Progress = Extract<FromApplyWorker, { kind: "progress" }>;
export type SetKind = "open" | "closed" | "forced" | "mirror";

/** Thrown at a crash point. */
export class Lost extends Error {}

export function liveSet(seq: number, kind: SetKind, changes: readonly Change[] = []): Buffer {
  const flags = { closed: kind === "closed", mirror: kind === "mirror", forced: kind === "forced" };
  return encodeChangeSet({ seq, sourceTimeMs: seq * 1000, ...flags, changes });
}

export interface HostKitOptions {
  readonly bytesMax?: number;
  readonly isSynced?: boolean;
  /** Another one than before = the machine crashed meanwhile. */
  readonly bootId?: string;
  readonly isPaused?: boolean;
  /** Called at every crash point; throws Lost where the process ends. */
  readonly onPoint?: (point: string) => void;
}

export class HostKit {
  readonly directory = mkdtempSync(join(tmpdir(), "sm-host-"));
  readonly target = join(this.directory, "target");
  readonly state = join(this.directory, "state");
  posted: FromApplyWorker[] = [];
  #host: ApplyHost | null = null;
  #engine: ApplyEngine | null = null;
  #stage: Stage | null = null;

  /** Opens it as an agent does when it starts: nothing has come yet. Then `begin` is what a channel does. */
  open(options: HostKitOptions = {}): boolean {
    const { bytesMax = 64 * 1024 * 1024, isSynced = false, bootId = "one", onPoint = () => undefined } = options;
    this.lose();
    this.posted = [];
    const mappings = [{ source: "/source/data", target: this.target }];
    const post = (message: FromApplyWorker): void => void this.posted.push(message);
    const tasks = new HostTasks(post);
    this.#engine = ApplyEngine.open({ stateDirectory: this.state, mappings, remapLinks: true, tasks, bootId, onPoint });
    const applied = { epoch: this.#engine.epoch, seq: this.#engine.appliedSeq };
    this.#stage = Stage.open({ stateDirectory: this.state, bytesMax, isSynced, applied, onPoint });
    const retry = { retryInitialMs: 1_000_000, retryMaxMs: 1_000_000, isPaused: options.isPaused ?? false };
    this.#host = new ApplyHost({ engine: this.#engine, stage: this.#stage, tasks, ...retry, post, receive: () => undefined, onClosed: () => undefined });
    return this.#host.recover();
  }

  begin(epoch: string | null = EPOCH): number {
    return this.#host?.begin(epoch).appliedSeq ?? 0;
  }

  send(message: ToApplyWorker): void {
    this.#host?.take(message);
  }

  /** False once the host has failed. */
  sendSets(...frames: readonly Buffer[]): boolean {
    for (const frame of frames) this.send({ kind: "set", frame: new Uint8Array(frame) });
    return this.failure === null;
  }

  get failure(): string | null {
    for (const message of this.posted) if (message.kind === "failed") return message.error.message;
    return null;
  }

  get progress(): Progress {
    const last = this.posted.filter((message): message is Progress => message.kind === "progress").at(-1);
    if (last === undefined) throw new Error("nothing was told");
    return last;
  }

  get appliedSeq(): number {
    return this.#engine?.appliedSeq ?? 0;
  }

  get releasedBytes(): number {
    return this.posted.reduce((sum, message) => sum + (message.kind === "progress" ? message.bytes : 0), 0);
  }

  /** As a kill: nothing more is written. */
  lose(): void {
    this.#engine?.close();
    this.#stage?.close();
    for (const fd of new Set(this.posted.flatMap((message) => ("disks" in message ? message.disks : [])))) closeFd(fd);
    this.posted = [];
    this.#engine = null;
    this.#stage = null;
    this.#host = null;
  }

  close(): void {
    this.lose();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
