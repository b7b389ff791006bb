import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** A receiver of datagrams in a process of its own, as the log of a system is. */
export class DatagramSink {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async open(path: string): Promise<DatagramSink> {
    const script = fileURLToPath(new URL("datagram-sink.py", import.meta.url));
    const child = spawn("python3", [script, path], { stdio: ["ignore", "pipe", "inherit"] });
    const sink = new DatagramSink(child);
    onTestFinished(() => sink.close());
    const lines = createInterface({ input: child.stdout });
    const bound = once(lines, "line");
    await bound;
    lines.on("line", (line) => sink.lines.push(JSON.parse(line) as string));
    return sink;
  }

  /** It takes nothing until it is resumed. */
  stop(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}
