// Two agents, paired, with one replication set from a source to a target directory: what most end-to-end tests begin with.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { ConnectionReport, MirrorReport } from "../../src/model/status.js";
import { type AgentOptions, AgentProcess, pairAgents } from "./agent-process.js";
import { expectEqualTrees } from "./compare-trees.js";

export interface PairOptions {
  readonly sourceAgent?: Partial<AgentOptions>;
  readonly targetAgent?: Partial<AgentOptions>;
  /** Default: below the test's directory. */
  readonly sourceDir?: string;
  readonly targetDir?: string;
  /** Address by which the source dials the target (a proxy). */
  readonly dial?: string;
}

export class AgentPair {
  source: AgentProcess;
  target: AgentProcess;
  readonly sourceDir: string;
  readonly targetDir: string;
  connectionId = 0;

  private constructor(source: AgentProcess, target: AgentProcess, sourceDir: string, targetDir: string) {
    this.source = source;
    this.target = target;
    this.sourceDir = sourceDir;
    this.targetDir = targetDir;
  }

  /** Starts and pairs both; connects nothing yet. */
  static async start(directory: string, options: PairOptions = {}): Promise<AgentPair> {
    const { sourceDir = join(directory, "source"), targetDir = join(directory, "target") } = options;
    mkdirSync(sourceDir, { recursive: true });
    const target = await AgentProcess.start({ home: join(directory, "b"), ...options.targetAgent });
    const source = await AgentProcess.start({ home: join(directory, "a"), ...options.sourceAgent });
    await pairAgents(source, target, "B", options.dial ?? target.ready.listen);
    return new AgentPair(source, target, sourceDir, targetDir);
  }

  /** Creates the set, connects it, waits until everything is on the target. */
  async connect(args: readonly string[] = []): Promise<void> {
    await this.source.json(["repset", "create", "data", "--include", this.sourceDir]);
    const { connection } = await this.source.json<{ connection: { id: number } }>([
      "connect",
      "data",
      "B",
      "--map",
      `${this.sourceDir}=${this.targetDir}`,
      ...args,
    ]);
    this.connectionId = connection.id;
  }

  async sync(timeoutSeconds = 60, id = this.connectionId): Promise<void> {
    const result = await this.source.cli(["sync", `${id}`, "--timeout", `${timeoutSeconds}`], { timeoutMs: (timeoutSeconds + 10) * 1000 });
    expect(result, `${result.stdout}${result.stderr}`).toMatchObject({ code: 0 });
  }

  async expectEqual(): Promise<void> {
    await this.sync();
    await expectEqualTrees(this.sourceDir, this.targetDir);
  }

  async report(): Promise<ConnectionReport> {
    const status = await this.source.status();
    const report = status.connections.find((c) => c.id === this.connectionId);
    if (report === undefined) throw new Error(`no connection ${this.connectionId}`);
    return report;
  }

  async mirror(mode: "full" | "difference"): Promise<MirrorReport> {
    const result = await this.source.cli(["mirror", "start", `${this.connectionId}`, "--mode", mode, "--wait", "--json"], { timeoutMs: 120_000 });
    expect(result.code, `${result.stdout}${result.stderr}`).toBe(0);
    return (await this.report()).mirror;
  }

  async restartSource(): Promise<void> {
    this.source = await this.source.restart();
  }

  async restartTarget(): Promise<void> {
    this.target = await this.target.restart();
  }
}
