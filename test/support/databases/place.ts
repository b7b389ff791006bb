// Where one database lives: its data directory, a directory for its sockets, and the account that owns both.

import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { type CommandResult, runCommand } from "../run-command.js";
import { makeTempDirectory } from "../temp-tree.js";

function accountNumber(user: string, flag: "-u" | "-g"): number {
  return Number(execFileSync("id", [flag, user], { encoding: "utf8" }));
}

/** Test directories belong to root alone; a server must be able to pass through them. */
function openTheWay(directory: string): void {
  for (let path = directory; path.startsWith(tmpdir()); path = dirname(path)) chmodSync(path, statSync(path).mode | 0o111);
}

export class DatabasePlace {
  readonly dataDir: string;
  /** Sockets, temporary files: what must not be replicated. */
  readonly runDir: string;
  readonly user: string;
  readonly uid: number;
  readonly gid: number;

  /** The data directory need not exist yet; its parent must. */
  constructor(dataDir: string, user: string) {
    this.dataDir = dataDir;
    this.user = user;
    this.uid = accountNumber(user, "-u");
    this.gid = accountNumber(user, "-g");
    this.runDir = makeTempDirectory();
    chownSync(this.runDir, this.uid, this.gid);
    openTheWay(dirname(this.runDir));
    openTheWay(dirname(dataDir));
  }

  makeDataDir(): void {
    mkdirSync(this.dataDir, { mode: 0o700 });
    chownSync(this.dataDir, this.uid, this.gid);
  }

  /** A place of its own that holds what this one holds now. */
  async copyTo(dataDir: string): Promise<DatabasePlace> {
    rmSync(dataDir, { recursive: true, force: true });
    const copied = await runCommand(["cp", "-a", "--reflink=auto", this.dataDir, dataDir], { timeoutMs: 600_000 });
    if (copied.code !== 0) throw new Error(`cp: ${copied.stderr}`);
    return new DatabasePlace(dataDir, this.user);
  }

  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, TMPDIR: this.runDir, HOME: this.runDir, LC_ALL: "C" };
  }

  path(name: string): string {
    return join(this.dataDir, name);
  }

  /** Runs a command as the account of the database. */
  run(command: readonly string[], options: { readonly input?: string; readonly timeoutMs?: number } = {}): Promise<CommandResult> {
    return runCommand(["runuser", "-u", this.user, "--", ...command], { timeoutMs: 600_000, ...options, environment: this.environment, cwd: this.runDir });
  }

  /** As `run`; anything but success is an error. */
  async must(command: readonly string[], options: { readonly input?: string } = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, options);
    if (code !== 0) throw new Error(`${basename(command[0] ?? "")} exited with ${code}: ${stderr}${stdout}`);
    return stdout;
  }
}
