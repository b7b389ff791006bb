// Two network namespaces joined by a cable (a veth pair) that can be pulled. Needs root.

import { type ExecFileSyncOptions, execFileSync } from "node:child_process";
import { onTestFinished } from "vitest";

export interface NamespaceEnd {
  /** As `ip netns` knows it. */
  readonly name: string;
  readonly address: string;
  /** Put before a command, it runs that command in the namespace. */
  readonly prefix: readonly string[];
}

let serial = 0;

export class NetworkPair {
  readonly a: NamespaceEnd;
  readonly b: NamespaceEnd;

  private constructor(stem: string) {
    const end = (letter: "a" | "b", address: string): NamespaceEnd => ({
      name: `${stem}-${letter}`,
      address,
      prefix: ["ip", "netns", "exec", `${stem}-${letter}`],
    });
    this.a = end("a", "10.77.0.1");
    this.b = end("b", "10.77.0.2");
  }

  /** Both links up; removed when the test has finished. */
  static open(): NetworkPair {
    serial += 1;
    const run = process.env.SM_TEST_RUN;
    const pair = new NetworkPair(`${run === undefined ? "smt" : run.slice(run.lastIndexOf("/") + 1)}-${process.pid}-${serial}`);
    onTestFinished(() => pair.close());
    for (const end of [pair.a, pair.b]) execFileSync("ip", ["netns", "add", end.name]);
    execFileSync("ip", ["link", "add", "cable", "netns", pair.a.name, "type", "veth", "peer", "name", "cable", "netns", pair.b.name]);
    for (const end of [pair.a, pair.b]) {
      ip(end, "addr", "add", `${end.address}/24`, "dev", "cable");
      ip(end, "link", "set", "lo", "up");
      ip(end, "link", "set", "cable", "up");
    }
    return pair;
  }

  /** Pulls the cable: no packet passes and no socket is told. */
  linkDown(): void {
    ip(this.a, "link", "set", "cable", "down");
  }

  linkUp(): void {
    ip(this.a, "link", "set", "cable", "up");
  }

  close(): void {
    const present = execFileSync("ip", ["netns", "list"], { encoding: "utf8" });
    for (const { name } of [this.a, this.b]) {
      if (present.split(/\s+/).includes(name)) execFileSync("ip", ["netns", "del", name]);
    }
  }
}

function ip(end: NamespaceEnd, ...args: string[]): void {
  execFileSync("ip", ["-n", end.name, ...args], { stdio: "pipe" });
}

/** Runs a command in the namespace to its end and returns what it printed. */
export function runInNamespace(end: NamespaceEnd, command: readonly string[], options: ExecFileSyncOptions = {}): string {
  const [program = "", ...args] = [...end.prefix, ...command];
  return execFileSync(program, args, { ...options, encoding: "utf8" });
}
