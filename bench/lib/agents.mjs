// Two sm agents on one machine, paired, speaking TLS over loopback: everything a pair of servers does but the cable.

import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../bin/sm", import.meta.url));
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;
const TICKS_PER_SECOND = 100;

class Agent {
  #child;
  #home;
  /** @type {{ pid: number; listen: string; adminSocket: string }} */
  ready;

  constructor(
    /** @type {import("node:child_process").ChildProcess} */ child,
    /** @type {string} */ home,
    /** @type {{ pid: number; listen: string; adminSocket: string }} */ ready,
  ) {
    this.#child = child;
    this.#home = home;
    this.ready = ready;
  }

  static async start(
    /** @type {string} */ home,
    /** @type {string} */ siteName,
    /** @type {{ config?: string; listen?: string }} */ { config = "", listen = "127.0.0.1:0" } = {},
  ) {
    mkdirSync(join(home, "etc"), { recursive: true });
    if (config !== "") writeFileSync(join(home, "etc", "sm.yaml"), config);
    const args = [PROGRAM, "agent", "run", "--listen", listen, "--site-name", siteName, "--json"];
    const logPath = join(home, "stderr.log");
    const log = openSync(logPath, "w");
    // As the unit of systemd starts it.
    const child = spawn(process.execPath, args, { env: { ...process.env, SM_HOME: home, MALLOC_ARENA_MAX: "2" }, stdio: ["ignore", "pipe", log] });
    closeSync(log);
    if (child.stdout === null) throw new Error("the agent has no standard output");
    const lines = createInterface({ input: child.stdout });
    const line = await Promise.race([
      once(lines, "line").then(([text]) => String(text)),
      once(child, "exit").then(([code]) =>
        Promise.reject(new Error(`agent ${siteName} ended with ${code} before it was ready:\n${readFileSync(logPath, "utf8")}`)),
      ),
      sleep(READY_TIMEOUT_MS, undefined, { ref: false }).then(() => Promise.reject(new Error(`agent ${siteName} is not ready`))),
    ]);
    child.stdout.resume();
    return new Agent(child, home, JSON.parse(line));
  }

  /** The report, straight from the control socket. */
  async status() {
    const outgoing = request({ socketPath: this.ready.adminSocket, path: "/api/v1/status", agent: false });
    outgoing.end();
    const [response] = await once(outgoing, "response");
    let text = "";
    for await (const chunk of response) text += chunk;
    const body = JSON.parse(text);
    return body.result ?? body;
  }

  async look(/** @type {number} */ id) {
    const found = (await this.status()).connections.find((/** @type {{ id: number }} */ connection) => connection.id === id);
    if (found === undefined) throw new Error(`connection ${id} is not in the status`);
    return found;
  }

  /** Runs `sm ARGS --json` and returns its result. */
  cli(/** @type {readonly string[]} */ args, /** @type {string} */ input = "") {
    return new Promise((resolve, reject) => {
      const env = { ...process.env, SM_HOME: this.#home };
      const child = execFile(process.execPath, [PROGRAM, ...args, "--json"], { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        if (error !== null) reject(new Error(`sm ${args.join(" ")}: ${stdout}${stderr}`, { cause: error }));
        else resolve(JSON.parse(stdout));
      });
      child.stdin?.end(input);
    });
  }

  /** Highest memory the process ever held, in bytes. */
  peakBytes() {
    const status = readFileSync(`/proc/${this.ready.pid}/status`, "utf8");
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
  }

  /** Processor time of all its threads so far. */
  cpuSeconds() {
    const fields = readFileSync(`/proc/${this.ready.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** Bytes that it asked the kernel to read, from wherever. */
  readBytes() {
    return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${this.ready.pid}/io`, "utf8"))?.[1]);
  }

  /** The same agent again, after it was stopped. */
  restart(/** @type {string} */ siteName) {
    return Agent.start(this.#home, siteName, { listen: this.ready.listen });
  }

  async kill() {
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }
}

export class AgentPair {
  #source;
  #target;
  #directory;

  constructor(/** @type {Agent} */ source, /** @type {Agent} */ target, /** @type {string} */ directory) {
    this.#source = source;
    this.#target = target;
    this.#directory = directory;
  }

  /** `config`: sm.yaml of both. `dial`: by which address the source reaches what the target listens on. */
  static async open(
    /** @type {string} */ workDirectory,
    /** @type {{ config?: string; dial?: (listen: string) => Promise<string> }} */ { config = "", dial = async (listen) => listen } = {},
  ) {
    const directory = mkdtempSync(join(workDirectory, "sm-"));
    /** @type {Agent[]} */
    const started = [];
    try {
      for (const name of ["A", "B"]) started.push(await Agent.start(join(directory, name), name, { config }));
      const [source, target] = started;
      if (source === undefined || target === undefined) throw new Error("no agents");
      const { token } = await target.cli(["peer", "bootstrap", "create", "--site-name", "B", "--address", await dial(target.ready.listen)]);
      await source.cli(["peer", "bootstrap", "import", "-"], token);
      return new AgentPair(source, target, directory);
    } catch (error) {
      for (const agent of started) await agent.stop();
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  async connect(/** @type {string} */ sourceRoot, /** @type {string} */ targetRoot, /** @type {readonly string[]} */ options = [], set = "BENCH") {
    await this.#source.cli(["repset", "create", set, "--include", sourceRoot]);
    return this.#source.cli(["connect", set, "B", "--map", `${sourceRoot}=${targetRoot}`, ...options]);
  }

  /** What the source says of the set; undefined = nothing yet. */
  async capture() {
    return (await this.#source.status()).captures[0];
  }

  /** Connects the trees and waits for the first mirror. Seconds: of the mirror by its report, and of everything from connect on. */
  async mirror(/** @type {string} */ sourceRoot, /** @type {string} */ targetRoot, /** @type {readonly string[]} */ options = [], set = "BENCH") {
    const startedAt = performance.now();
    const { connection } = await this.connect(sourceRoot, targetRoot, options, set);
    const report = await this.#waitMirror(connection.id);
    return { id: connection.id, seconds: jobSeconds(report), wallSeconds: (performance.now() - startedAt) / 1000 };
  }

  /** A difference mirror of what is connected. */
  async mirrorAgain(/** @type {number} */ id, /** @type {readonly string[]} */ options = []) {
    const startedAt = performance.now();
    const { mirror } = await this.#source.cli(["mirror", "start", String(id), "--mode", "difference", ...options, "--wait"]);
    return { seconds: jobSeconds(mirror), wallSeconds: (performance.now() - startedAt) / 1000 };
  }

  /** Seconds of a verification by its report; it must find nothing. */
  async verify(/** @type {number} */ id, /** @type {readonly string[]} */ options) {
    const { job } = await this.#source.cli(["verify", "start", String(id), ...options, "--wait"]);
    return jobSeconds(job);
  }

  async #waitMirror(/** @type {number} */ id) {
    for (;;) {
      // Over the socket: a CLI process for each look would take the time it measures.
      const { mirror } = await this.#source.look(id);
      if (mirror.outcome === "done" && mirror.problemCount === 0) return mirror;
      if (mirror.outcome !== null && mirror.outcome !== "running") throw new Error(`the mirror ended otherwise: ${JSON.stringify(mirror)}`);
      await sleep(200);
    }
  }

  async killSource() {
    await this.#source.kill();
  }

  /** In order. */
  async stopSource() {
    await this.#source.stop();
  }

  /** Once it was killed or stopped. */
  async startSource() {
    this.#source = await Agent.start(join(this.#directory, "A"), "A");
  }

  /** What the source agent read since its start. */
  sourceReadBytes() {
    return this.#source.readBytes();
  }

  async connection(/** @type {number} */ id) {
    const { connections } = await this.#source.cli(["status"]);
    const found = connections.find((/** @type {{ id: number }} */ connection) => connection.id === id);
    if (found === undefined) throw new Error(`connection ${id} is not in the status`);
    return found;
  }

  async sync(/** @type {number} */ id) {
    await this.#source.cli(["sync", String(id), "--timeout", "600"]);
  }

  /** The target goes away, and comes back. */
  async stopTarget() {
    await this.#target.stop();
  }

  async startTarget() {
    this.#target = await this.#target.restart("B");
  }

  look(/** @type {number} */ id) {
    return this.#source.look(id);
  }

  /** Through the sockets between the agents until now, both ways, as the kernel counts: TLS, signatures and answers included. */
  wireBytes() {
    const { listen } = this.#target.ready;
    const text = execFileSync("ss", ["-tniH", "state", "established", `dport = :${listen.slice(listen.lastIndexOf(":") + 1)}`], { encoding: "utf8" });
    let bytes = 0;
    for (const [, count] of text.matchAll(/bytes_(?:sent|received):(\d+)/g)) bytes += Number(count);
    return bytes;
  }

  sourcePeakBytes() {
    return this.#source.peakBytes();
  }

  peaks() {
    return { source: this.#source.peakBytes(), target: this.#target.peakBytes() };
  }

  sourceCpuSeconds() {
    return this.#source.cpuSeconds();
  }

  /** Of both agents. */
  cpuSeconds() {
    return this.#source.cpuSeconds() + this.#target.cpuSeconds();
  }

  async close() {
    await this.#source.stop();
    await this.#target.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Of a job, by its report. */
function jobSeconds(/** @type {{ startedAt: string; finishedAt: string }} */ report) {
  return (Date.parse(report.finishedAt) - Date.parse(report.startedAt)) / 1000;
}
