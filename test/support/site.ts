// Agents that are joined at will: what topologies are made of.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { ConnectionReport, StatusReport } from "../../src/model/status.js";
import { AgentProcess } from "./agent-process.js";

/** What a command to connect answers. */
export interface Joined {
  readonly connection?: ConnectionReport;
  readonly error?: { readonly code: string; readonly message: string };
}

export class Site {
  readonly name: string;
  readonly directory: string;
  agent: AgentProcess;

  private constructor(name: string, directory: string, agent: AgentProcess) {
    this.name = name;
    this.directory = directory;
    this.agent = agent;
  }

  static async start(directory: string, name: string): Promise<Site> {
    return new Site(name, join(directory, name), await AgentProcess.start({ home: join(directory, name, "home"), siteName: name }));
  }

  /** A directory of this site. */
  at(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** One command over the socket; what it answers, an error too. */
  async call<T>(command: string, body: unknown = {}): Promise<T> {
    return (await this.agent.api(command, body)).body as T;
  }

  /** Makes `others` peers that this site can replicate to. */
  async knows(...others: readonly Site[]): Promise<void> {
    for (const other of others) {
      const { token } = await other.call<{ token: string }>("peer.bootstrap.create", { siteName: other.name, addresses: [other.agent.address] });
      const { status, body } = await this.agent.api("peer.bootstrap.import", { token });
      expect(status, JSON.stringify(body)).toBe(200);
    }
  }

  async create(repset: string, ...paths: readonly string[]): Promise<void> {
    const rules = paths.map((path) => ({ path, mode: "include", recursive: true }));
    const { status, body } = await this.agent.api("repset.create", { name: repset, rules });
    // Repeated for a further target.
    expect([200, 409], JSON.stringify(body)).toContain(status);
  }

  /** Creates a set of the directory and connects it; to itself when the other site is this one. */
  async connect(from: string, to: Site, target: string): Promise<ConnectionReport> {
    const root = this.at(from);
    await this.create(from, root);
    const { connection } = await this.join(from, to, { [root]: join(to.directory, target) });
    if (connection === undefined) throw new Error(`${from} was not connected`);
    return connection;
  }

  /** Connects a set that there is; `error` when it was refused at once. */
  async join(repset: string, to: Site, map: Readonly<Record<string, string>>): Promise<Joined> {
    const pairs = Object.entries(map).map(([source, place]) => ({ source, target: place }));
    return this.call("connection.connect", { repset, target: to === this ? "localhost" : to.name, map: { kind: "pairs", pairs } });
  }

  async sync(...ids: readonly number[]): Promise<void> {
    for (const id of ids) {
      const { status, body } = await this.agent.api("connection.sync", { id, timeoutMs: 50_000 });
      expect(status, `${this.name}: ${JSON.stringify(body)}`).toBe(200);
    }
  }

  async report(id: number): Promise<ConnectionReport> {
    const { connections } = await this.call<StatusReport>("status");
    const report = connections.find((connection) => connection.id === id);
    if (report === undefined) throw new Error(`${this.name} has no connection ${id}`);
    return report;
  }

  async kill(): Promise<void> {
    await this.agent.kill9();
  }

  async restart(): Promise<void> {
    this.agent = await this.agent.restart();
  }
}
