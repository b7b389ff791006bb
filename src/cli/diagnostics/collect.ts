// What an archive for those who help holds: what the agent says of itself, its configuration, the ends of its logs, the versions and
// limits of the machine. Never keys or tokens, and of the state directory only names and sizes.

import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { cpus, hostname, version as kernelVersion, loadavg, release, totalmem, uptime } from "node:os";
import { join, relative } from "node:path";
import { SmError } from "../../base/errors.js";
import { MiB } from "../../base/units.js";
import type { CommandName } from "../../control/api.js";
import type { AgentApi } from "../agent-api.js";
import type { Directories } from "../directories.js";
import { withoutSecrets } from "./secrets.js";
import type { ArchiveFile } from "./tar-archive.js";

export interface Collected {
  readonly files: readonly ArchiveFile[];
  /** What could not be had, and why. */
  readonly problems: readonly string[];
}

export interface CollectOptions {
  readonly api: AgentApi;
  readonly directories: Directories;
  readonly smVersion: string;
}

const ASK_MS = 10_000;
const LOG_BYTES_MAX = 2 * MiB;
const LOGS_MAX = 40;
/** In characters; a longer line is none of a log of ours. */
const CUT_LINE_MAX = 256 * 1024;
const NAMES_MAX = 5_000;
const QUESTIONS = ["status", "job.list", "queue.show", "repset.list", "peer.list", "quarantine.list"] as const satisfies readonly CommandName[];
const SYSTEM_FILES = [
  "/etc/os-release",
  "/proc/self/mountinfo",
  "/proc/self/limits",
  "/proc/meminfo",
  "/proc/sys/fs/inotify/max_user_watches",
  "/proc/sys/fs/fanotify/max_user_marks",
  "/proc/sys/fs/fanotify/max_queued_events",
];

export async function collectDiagnostics({ api, directories, smVersion }: CollectOptions): Promise<Collected> {
  const problems: string[] = [];
  const attempt = (what: string, collect: () => readonly ArchiveFile[]): readonly ArchiveFile[] => {
    try {
      return collect();
    } catch (error) {
      problems.push(`${what}: ${(error as Error).message}`);
      return [];
    }
  };
  const files = [
    jsonFile("versions.json", versions(directories, smVersion)),
    ...(await askAgent(api, problems)),
    ...attempt(directories.configDir, () => textsBelow(directories.configDir, "config")),
    ...attempt(directories.logDir, () => logEnds(directories.logDir)),
    ...attempt(directories.stateDir, () => [textFile("state-files.txt", listing(directories.stateDir))]),
    ...SYSTEM_FILES.flatMap((path) => attempt(path, () => [textFile(`system${path}`, readFileSync(path, "utf8"))])),
  ];
  return { files: problems.length === 0 ? files : [...files, textFile("problems.txt", problems.join("\n"))], problems };
}

async function askAgent(api: AgentApi, problems: string[]): Promise<ArchiveFile[]> {
  const files: ArchiveFile[] = [];
  for (const name of QUESTIONS) {
    try {
      files.push(jsonFile(`agent/${name}.json`, await api.call(name, {}, { deadlineMs: ASK_MS })));
    } catch (error) {
      if (!(error instanceof SmError)) throw error;
      problems.push(`${name}: ${error.code}: ${error.message}`);
      // Whoever does not answer one question will not answer the others, each after its deadline.
      if (error.code === "AGENT_UNREACHABLE") break;
    }
  }
  return files;
}

function versions(directories: Directories, smVersion: string): object {
  const { node, v8 } = process.versions;
  return {
    at: new Date().toISOString(),
    sm: smVersion,
    ...{ node, v8, arch: process.arch, kernel: release(), kernelVersion: kernelVersion(), host: hostname() },
    ...{ processors: cpus().length, load: loadavg(), memoryBytes: totalmem(), uptimeSeconds: uptime(), uid: process.getuid?.() },
    directories,
  };
}

function jsonFile(name: string, value: unknown): ArchiveFile {
  return textFile(name, JSON.stringify(value, null, 2));
}

function textFile(name: string, text: string): ArchiveFile {
  return { name, content: Buffer.from(withoutSecrets(text.endsWith("\n") ? text : `${text}\n`)) };
}

/** The YAML files of a configuration. */
function textsBelow(directory: string, as: string): ArchiveFile[] {
  return filesBelow(directory)
    .filter((path) => /\.ya?ml$/.test(path))
    .map((path) => textFile(`${as}/${relative(directory, path)}`, endOf(path)));
}

function logEnds(directory: string): ArchiveFile[] {
  const newest = filesBelow(directory).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  return newest.slice(0, LOGS_MAX).map((path) => textFile(`log/${relative(directory, path)}`, endOf(path)));
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .slice(0, NAMES_MAX)
    .map((entry) => join(entry.parentPath, entry.name));
}

function endOf(path: string): string {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, LOG_BYTES_MAX));
    const bytes = readSync(file, buffer, 0, buffer.length, size - buffer.length);
    const text = buffer.toString("utf8", 0, bytes);
    // What is left of a line whose beginning is cut off no longer says that it is a secret.
    const lineEnd = buffer.length < size ? text.indexOf("\n") : -1;
    return lineEnd < 0 || lineEnd > CUT_LINE_MAX ? text : text.slice(lineEnd + 1);
  } finally {
    closeSync(file);
  }
}

/** "bytes time name" of each file. */
function listing(directory: string): string {
  return filesBelow(directory)
    .map((path) => {
      const { size, mtime } = statSync(path);
      return `${String(size).padStart(12)} ${mtime.toISOString()} ${relative(directory, path)}`;
    })
    .join("\n");
}
