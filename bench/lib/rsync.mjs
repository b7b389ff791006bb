// rsync 3 over its own daemon protocol: no ssh in between, as close to the wire as it gets.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

async function findFreePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function answers(/** @type {number} */ port) {
  const socket = createConnection({ port, host: "127.0.0.1" });
  try {
    await once(socket, "connect");
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ECONNREFUSED") return false;
    throw error;
  } finally {
    socket.destroy();
  }
}

export function rsyncVersion() {
  return /version (\S+)/.exec(execFileSync("rsync", ["--version"], { encoding: "utf8" }))?.[1] ?? "unknown";
}

export class RsyncDaemon {
  #child;
  #directory;
  #port;

  constructor(/** @type {import("node:child_process").ChildProcess} */ child, /** @type {string} */ directory, /** @type {number} */ port) {
    this.#child = child;
    this.#directory = directory;
    this.#port = port;
  }

  /** Serves `targetRoot` for writing. */
  static async open(/** @type {string} */ targetRoot, /** @type {string} */ workDirectory) {
    const directory = mkdtempSync(join(workDirectory, "rsyncd-"));
    const port = await findFreePort();
    const config = join(directory, "rsyncd.conf");
    const module = `[mod]\npath = ${targetRoot}\nread only = no\nuse chroot = no\nuid = 0\ngid = 0\nnumeric ids = yes\n`;
    writeFileSync(config, `pid file = ${directory}/pid\nlog file = ${directory}/log\naddress = 127.0.0.1\nport = ${port}\n${module}`);
    const child = spawn("rsync", ["--daemon", "--no-detach", `--config=${config}`], { stdio: ["ignore", "inherit", "inherit"] });
    const deadline = performance.now() + 10_000;
    while (!(await answers(port))) {
      if (child.exitCode !== null || performance.now() > deadline) throw new Error("the rsync daemon does not answer");
      await sleep(20);
    }
    return new RsyncDaemon(child, directory, port);
  }

  /** Copies once. Returns the seconds it took, and the bytes that went over the wire in both directions. */
  copy(/** @type {string} */ source, /** @type {readonly string[]} */ options = []) {
    const args = ["-aHAX", "--numeric-ids", "--delete", "--stats", ...options, `${source}/`, `rsync://127.0.0.1:${this.#port}/mod/`];
    const startedAt = performance.now();
    const output = execFileSync("rsync", args, { encoding: "utf8", maxBuffer: 1 << 26 });
    const seconds = (performance.now() - startedAt) / 1000;
    const figure = (/** @type {string} */ name) => Number((new RegExp(`${name}: ([\\d,]+)`).exec(output)?.[1] ?? "0").replaceAll(",", ""));
    return { seconds, sentBytes: figure("Total bytes sent"), receivedBytes: figure("Total bytes received") };
  }

  async close() {
    if (this.#child.exitCode === null) {
      this.#child.kill("SIGTERM");
      await once(this.#child, "exit");
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
