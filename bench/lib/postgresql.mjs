// A PostgreSQL server for a benchmark: its own data directory and socket, as the account `postgres`.

import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const INSTALLED = "/usr/lib/postgresql";
const ACCOUNT = "postgres";
const READY_TIMEOUT_MS = 30_000;

const run = promisify(execFile);

/** The folder of the programs of the highest version, or null when there is none. */
export function findPostgresql() {
  if (!existsSync(INSTALLED)) return null;
  const versions = readdirSync(INSTALLED).sort((a, b) => Number(b) - Number(a));
  const folder = versions
    .map((version) => join(INSTALLED, version, "bin"))
    .find((bin) => existsSync(join(bin, "postgres")) && existsSync(join(bin, "pgbench")));
  return folder ?? null;
}

export class Postgresql {
  #bin;
  #child;
  #runDirectory;

  constructor(/** @type {string} */ bin, /** @type {import("node:child_process").ChildProcess} */ child, /** @type {string} */ runDirectory) {
    this.#bin = bin;
    this.#child = child;
    this.#runDirectory = runDirectory;
  }

  /** Makes the data directory, whose parent must exist, and fills it for pgbench. */
  static async create(/** @type {string} */ bin, /** @type {string} */ dataDirectory, /** @type {string} */ runDirectory, /** @type {number} */ scale) {
    for (const directory of [dataDirectory, runDirectory]) {
      mkdirSync(directory, { recursive: true });
      execFileSync("chown", [ACCOUNT, directory]);
      chmodSync(directory, 0o700);
    }
    await run("runuser", ["-u", ACCOUNT, "--", join(bin, "initdb"), "-D", dataDirectory, "-A", "trust", "--data-checksums", "--no-locale"], {
      cwd: runDirectory,
    });
    const flags = ["-D", dataDirectory, "-c", "listen_addresses=", "-c", `unix_socket_directories=${runDirectory}`];
    const identity = [`--reuid=${ACCOUNT}`, `--regid=${ACCOUNT}`, "--clear-groups", "--pdeathsig=KILL"];
    const child = spawn("setpriv", [...identity, join(bin, "postgres"), ...flags], { cwd: runDirectory, stdio: "ignore" });
    const server = new Postgresql(bin, child, runDirectory);
    try {
      await server.#ready();
      await server.#client("pgbench", ["-i", "-q", "-s", String(scale)]);
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  async #ready() {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error(`postgres ended with ${this.#child.exitCode}`);
      try {
        await this.#client("pg_isready", []);
        return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
      }
      await sleep(100);
    }
  }

  async #client(/** @type {string} */ name, /** @type {readonly string[]} */ args) {
    const env = { ...process.env, PGHOST: this.#runDirectory, PGUSER: ACCOUNT, PGDATABASE: "postgres" };
    const { stdout } = await run(join(this.#bin, name), args, { env });
    return stdout;
  }

  /** Transactions per second and their average latency, from a checkpoint on. */
  async measure(/** @type {number} */ clients, /** @type {number} */ seconds) {
    await this.#client("psql", ["-X", "-c", "CHECKPOINT"]);
    const text = await this.#client("pgbench", ["-c", String(clients), "-j", "2", "-T", String(seconds)]);
    const figure = (/** @type {RegExp} */ pattern) => Number(pattern.exec(text)?.[1] ?? Number.NaN);
    return { perSecond: figure(/^tps = ([\d.]+)/m), latencyMs: figure(/^latency average = ([\d.]+) ms/m) };
  }

  async close() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, "exit");
      this.#child.kill("SIGQUIT");
      await ended;
    }
    rmSync(this.#runDirectory, { recursive: true, force: true });
  }
}
