// Runs once around all tests. Gives the run a directory of its own (TMPDIR) and a mark that every process started by
// a test inherits (SM_TEST_RUN). Whatever bears the mark or is mounted below the directory afterwards is a leak: it is
// cleared away, and the run fails.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface Leaks {
  readonly processes: readonly { readonly pid: number; readonly command: string }[];
  readonly mounts: readonly string[];
  readonly namespaces: readonly string[];
}

const EXIT_GRACE_MS = 3_000;

/** Undoes the octal escapes of /proc/self/mountinfo. */
function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function listMounts(below: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => unescapeMount(line.split(" ")[4] ?? ""))
    .filter((path) => path === below || path.startsWith(`${below}/`));
}

/** undefined when the process ended while it was looked at. */
function readProcess(pid: number): { readonly environment: string; readonly command: string } | undefined {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return {
      environment: readFileSync(`/proc/${pid}/environ`, "latin1"),
      command: readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim(),
    };
  } catch (error) {
    // Gone, a zombie, a kernel thread, or somebody else's: none of them is a leak of ours.
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

function listMarkedProcesses(mark: string): Leaks["processes"] {
  const found: { pid: number; command: string }[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const seen = readProcess(pid);
    if (seen === undefined || !`\0${seen.environment}`.includes(`\0SM_TEST_RUN=${mark}\0`)) continue;
    // The test runner's own workers, and esbuild's service, end with the runner.
    if (/node_modules\/(vitest|vite|tinypool|esbuild|@esbuild)\//.test(seen.command) || seen.command.startsWith("node (vitest")) continue;
    found.push({ pid, command: seen.command });
  }
  return found;
}

export function findLeaks(mark: string): Leaks {
  const namespaces = existsSync("/run/netns") ? readdirSync("/run/netns").filter((name) => name.startsWith(`${mark.slice(mark.lastIndexOf("/") + 1)}-`)) : [];
  return { processes: listMarkedProcesses(mark), mounts: listMounts(mark), namespaces };
}

export function describeLeaks(leaks: Leaks): string[] {
  return [
    ...leaks.processes.map(({ pid, command }) => `process ${pid}: ${command}`),
    ...leaks.mounts.map((path) => `mount ${path}`),
    ...leaks.namespaces.map((name) => `network namespace ${name}`),
  ];
}

function clearLeaks(leaks: Leaks): void {
  for (const { pid } of leaks.processes) {
    if (readProcess(pid) !== undefined) process.kill(pid, "SIGKILL");
  }
  for (const path of [...leaks.mounts].reverse()) execFileSync("umount", ["-l", path]);
  for (const name of leaks.namespaces) execFileSync("ip", ["netns", "del", name]);
}

export function setup(): () => Promise<void> {
  const directory = mkdtempSync(join(process.env.SM_TEST_DIR ?? tmpdir(), "smt-"));
  process.env.SM_TEST_RUN = directory;
  process.env.TMPDIR = directory;
  return async () => {
    const deadline = performance.now() + EXIT_GRACE_MS;
    let leaks = findLeaks(directory);
    while (leaks.processes.length > 0 && performance.now() < deadline) {
      await sleep(50);
      leaks = findLeaks(directory);
    }
    clearLeaks(leaks);
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    const lines = describeLeaks(leaks);
    if (lines.length === 0) return;
    // The runner prints what a teardown throws, but would exit with 0.
    process.exitCode = 1;
    throw new Error(`tests left behind:\n  ${lines.join("\n  ")}`);
  };
}
