// Two network namespaces joined by a long line on which packets are lost. Needs root and /dev/net/tun.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { NamespaceEnd } from "./network-namespace.js";
import { PYTHON } from "./python.js";

export interface LineOptions {
  readonly roundTripMs: number;
  /** Of packets, each way: 0.01 = one in a hundred. */
  readonly loss: number;
  readonly seed: number;
}

export class LossyLink {
  readonly a: NamespaceEnd;
  readonly b: NamespaceEnd;
  readonly #line: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(a: NamespaceEnd, b: NamespaceEnd, line: ChildProcess, lines: AsyncIterator<string>) {
    this.a = a;
    this.b = b;
    this.#line = line;
    this.#lines = lines;
  }

  /** Removed when the test has finished. */
  static async open({ roundTripMs, loss, seed }: LineOptions): Promise<LossyLink> {
    const run = process.env.SM_TEST_RUN;
    const stem = `${run === undefined ? "smt" : run.slice(run.lastIndexOf("/") + 1)}-${process.pid}-line`;
    const [a, b] = (["a", "b"] as const).map((letter): NamespaceEnd => {
      const name = `${stem}-${letter}`;
      return { name, address: letter === "a" ? "10.78.0.1" : "10.78.0.2", prefix: ["ip", "netns", "exec", name] };
    }) as [NamespaceEnd, NamespaceEnd];
    const devices = ["a", "b"].map((letter) => `sm${process.pid}${letter}`);
    const script = fileURLToPath(new URL("lossy-link.py", import.meta.url));
    const line = spawn(PYTHON, [script, ...devices, `${roundTripMs}`, `${loss}`, `${seed}`], { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => {
      line.kill("SIGKILL");
      for (const { name } of [a, b]) execFileSync("ip", ["netns", "del", name]);
    });
    const lines = createInterface({ input: line.stdout })[Symbol.asyncIterator]();
    await lines.next();
    for (const [index, end] of [a, b].entries()) {
      const device = devices[index] as string;
      execFileSync("ip", ["netns", "add", end.name]);
      execFileSync("ip", ["link", "set", device, "netns", end.name]);
      const ip = (...args: string[]): unknown => execFileSync("ip", ["-n", end.name, ...args]);
      ip("addr", "add", end.address, "peer", (index === 0 ? b : a).address, "dev", device);
      ip("link", "set", "lo", "up");
      ip("link", "set", device, "up");
    }
    return new LossyLink(a, b, line, lines);
  }

  /** Ends the line; how many packets came to it, and how many it lost. */
  async close(): Promise<{ readonly packets: number; readonly lost: number }> {
    this.#line.stdin?.end();
    const { value } = await this.#lines.next();
    if (this.#line.exitCode === null) await once(this.#line, "exit");
    return JSON.parse(value as string) as { packets: number; lost: number };
  }
}
