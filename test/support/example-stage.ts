// Where the examples of the help are carried out: what they call /home, /srv, alpha and 10.0.0.2:1500 is below one directory and on
// the agents of the test. `run` takes an example apart as a shell does; `shell` and `terminal` hand it to one as it stands.

import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import { type AgentOptions, AgentProcess } from "./agent-process.js";
import { eventually } from "./eventually.js";
import { exampleWords } from "./example-words.js";
import { PtyRun } from "./pty-run.js";
import { runMain } from "./run-main.js";
import { SM, type SmResult } from "./sm-program.js";
import { makeTempDirectory } from "./temp-tree.js";

/** Of what an example names, that of the test. */
const DIRECTORIES = /(^|[=\s'"])\/(?=(?:home|backup|srv|tmp|opt|data|copy)(?:\/|$|[=\s'"]))/g;
const SSH = `#!/bin/sh
host=$1
shift
SM_HOME="$SM_STAGE/$host" exec "$@"
`;
const EXAMPLE_TIMEOUT_MS = 60_000;
const END_TIMEOUT_MS = 20_000;

export interface ExampleInput {
  /** Standard input. */
  readonly input?: string;
  /** Exit code; default 0. */
  readonly code?: number;
  /** Put before the shell, e.g. the prefix of a mount namespace. */
  readonly prefix?: readonly string[];
}

export class ExampleStage {
  readonly directory = makeTempDirectory();
  readonly #places: (readonly [string, string])[] = [];

  constructor() {
    // Before anything else runs: a program that another process still has open for writing cannot be run.
    this.plant("bin/sm", `#!/bin/sh\nexec '${process.execPath}' '${SM}' "$@"\n`);
    this.plant("bin/ssh", SSH);
  }

  /** Directory of a machine: what its agent has below SM_HOME. */
  home(machine: string): string {
    return join(this.directory, machine);
  }

  /** Makes a directory of the examples, and returns where it is. */
  make(...names: readonly string[]): string {
    const path = join(this.directory, ...names);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Writes a file that examples name; programs can be run. Returns its path. */
  plant(name: string, text: string): string {
    const path = join(this.directory, name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, text.startsWith("#!") ? 0o755 : 0o600);
    return path;
  }

  start(machine: string, options: Partial<AgentOptions> = {}): Promise<AgentProcess> {
    return AgentProcess.start({ home: this.home(machine), siteName: machine, ...options });
  }

  /** Examples that say `what` mean `place`. */
  place(what: string, place: string): void {
    this.#places.push([what, place]);
  }

  #placed(text: string): string {
    const rooted = text.replace(DIRECTORIES, (_, before: string) => `${before}${this.directory}/`);
    return this.#places.reduce((result, [what, place]) => result.replaceAll(what, place), rooted);
  }

  /** The words of an example, without the name of the program. */
  words(example: string): string[] {
    return exampleWords(example).words.map((word) => this.#placed(word));
  }

  #environment(home: string): Record<string, string> {
    return { SM_HOME: home, SM_SERVERS_FILE: join(this.directory, "servers", "servers.json") };
  }

  /** On the agent of `home`, within this process. It ends as it should, and says something. */
  async run(home: string, example: string, { input, code = 0 }: ExampleInput = {}): Promise<SmResult> {
    const result = await runMain(this.words(example), this.#environment(home), input);
    expect({ example, code: result.code }, `${result.stdout}${result.stderr}`).toEqual({ example, code });
    expect(`${result.stdout}${result.stderr}`, example).not.toBe("");
    return result;
  }

  /** A shell's environment: `sm`, and an `ssh` that is the other machine's `sm`, are in its path. */
  #shellEnvironment(home: string): NodeJS.ProcessEnv {
    const state = { XDG_STATE_HOME: this.home("user-state") };
    return { ...process.env, ...this.#environment(home), ...state, SM_STAGE: this.directory, PATH: `${this.home("bin")}:${process.env.PATH}` };
  }

  /** As it stands, by a shell in the directory of the stage; started, with what it has said so far. */
  #begin(home: string, example: string, { input = "", prefix = [] }: ExampleInput = {}): ShellRun {
    return new ShellRun([...prefix, "bash", "-c", this.#placed(example)], { cwd: this.directory, env: this.#shellEnvironment(home) }, input);
  }

  /** As it stands, by a shell in the directory of the stage, to its end. */
  async shell(home: string, example: string, input: ExampleInput = {}): Promise<SmResult> {
    const { code = 0 } = input;
    const result = await this.#begin(home, example, input).ended;
    expect({ example, code: result.code }, `${result.stdout}${result.stderr}`).toEqual({ example, code });
    return result;
  }

  /** As it stands, by a shell (bash: it gives way to its only command, which gets the signal alone), until it has said `until`; then Ctrl-C, which ends it with 0. */
  async watched(home: string, example: string, until: RegExp): Promise<string> {
    const run = this.#begin(home, example);
    await eventually(() => expect(run.text, example).toMatch(until), { timeoutMs: 30_000 });
    run.interrupt();
    const { code, stdout, stderr } = await run.ended;
    expect({ example, code }, `${stdout}${stderr}`).toEqual({ example, code: 0 });
    return stdout;
  }

  /** As it stands, on a terminal: whatever is in `talk` first is awaited, and what is second typed then. */
  async terminal(home: string, example: string, talk: readonly (readonly [RegExp, string])[]): Promise<string> {
    const environment = { ...this.#shellEnvironment(home), TERM: "xterm-256color" };
    const run = new PtyRun(["sh", "-c", `cd '${this.directory}' && ${this.#placed(example)}`], { columns: 120, rows: 40, environment });
    for (const [until, keys] of talk) {
      await eventually(() => expect(run.output, example).toMatch(until), { timeoutMs: 30_000 });
      run.keys(keys);
    }
    const late = sleep(END_TIMEOUT_MS, undefined, { ref: false }).then(() => Promise.reject(new Error(`${example} does not end: ${run.output}`)));
    expect(await Promise.race([run.ended, late]), `${example}: ${run.output}`).toMatchObject({ exit: 0, sane: true });
    return run.output;
  }
}

/** One example in a shell of its own, with its process group. */
class ShellRun {
  readonly ended: Promise<SmResult>;
  readonly #child: ChildProcess;
  #output = { stdout: "", stderr: "" };

  constructor([program = "", ...args]: readonly string[], options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }, input: string) {
    const child = spawn(program, args, { ...options, detached: true, stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    child.stdin.on("error", () => undefined).end(input);
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (more: string) => {
        this.#output[name] += more;
      });
    }
    const timer = setTimeout(() => this.#signal("SIGKILL"), EXAMPLE_TIMEOUT_MS);
    onTestFinished(() => this.#signal("SIGKILL"));
    this.ended = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => {
        clearTimeout(timer);
        resolve({ code, ...this.#output });
      });
    });
  }

  get text(): string {
    return `${this.#output.stdout}${this.#output.stderr}`;
  }

  /** Ctrl-C: to all that the shell runs. */
  interrupt(): void {
    this.#signal("SIGINT");
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    process.kill(-this.#child.pid, signal);
  }
}
