// Tier 4 of the capture sources: chokidar over inotify, for any account and any local file system.
// Only directories are watched: the kernel reports what happens to their entries through the directory's own watch,
// so a tree costs one watch per directory, not per file. Names come as text; a name that is not UTF-8 dirties its
// directory, which the change builder then lists by bytes. What cannot be watched is covered by a periodic walk.

import { lstatSync, readdirSync, readFileSync, realpathSync, type Stats } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type FSWatcher, watch } from "chokidar";
import { toSmError } from "../base/errors.js";
import { defer } from "../base/wait.js";
import { type BytePath, bytesFromText, isBytePath, joinPath, ROOT_PATH, textFromBytes } from "../model/byte-path.js";
import type { CaptureCoverage, CaptureFact, CaptureScope, CaptureSource } from "../model/capture-port.js";
import type { RootIndex } from "../model/change.js";
import { FactBuffer } from "./fact-buffer.js";

export interface ChokidarOptions {
  readonly scope: CaptureScope;
  /** Watches to use at most; null = nine tenths of what the kernel grants this user. */
  readonly watchesMax: number | null;
  /** Seconds between walks over what is not watched. */
  readonly walkSeconds: number;
}

const LIMIT_FILE = "/proc/sys/fs/inotify/max_user_watches";
/** No directory was looked at for so long: chokidar has read all it will. */
const READY_QUIET_MS = 1000;
/** The same, when no failure explains it. */
const SILENT_QUIET_MS = 5000;
const REPLACEMENT = "\ufffd";

export class ChokidarSource implements CaptureSource {
  readonly #options: ChokidarOptions;
  readonly #facts = new FactBuffer();
  readonly #watchers: FSWatcher[] = [];
  /** Path → the inode that is watched there. */
  readonly #watched = new Map<string, string>();
  readonly #refused = new Set<string>();
  readonly #budget: number;
  #walkTimer: NodeJS.Timeout | null = null;
  #failures = 0;
  #lastFailure = "";
  #lastActivityMs = performance.now();

  private constructor(options: ChokidarOptions, budget: number) {
    this.#options = options;
    this.#budget = budget;
  }

  static async open(options: ChokidarOptions): Promise<ChokidarSource> {
    const kernel = Number(readFileSync(LIMIT_FILE, "utf8"));
    return new ChokidarSource(options, options.watchesMax ?? Math.floor(kernel * 0.9));
  }

  async arm(): Promise<void> {
    await Promise.all(this.#options.scope.roots.map(({ index, path }) => this.#armRoot(index, path)));
    this.#walkTimer = setInterval(() => this.#walkUncovered(), this.#options.walkSeconds * 1000);
  }

  async #armRoot(root: RootIndex, path: string): Promise<void> {
    const real = realpathSync(path);
    const watcher = watch(real, {
      persistent: true,
      ignoreInitial: true,
      followSymlinks: false,
      ignorePermissionErrors: true,
      atomic: false,
      ignored: (candidate, stats) => stats !== undefined && !this.#wantsWatch(root, real, candidate, stats),
    });
    this.#watchers.push(watcher);
    watcher.on("raw", (_event, name: string | null, details) => {
      const watchedPath = watchedPathOf(details) ?? real;
      this.#takeRaw(root, real, name, watchedPath);
      if (name !== null) this.#watchAnew(watcher, join(watchedPath, name));
    });
    watcher.on("addDir", (directory) => this.#addDirectory(root, this.#relative(real, directory)));
    watcher.on("unlinkDir", (directory) => {
      this.#watched.delete(directory);
      this.#addName(root, this.#relative(real, directory));
    });
    watcher.on("error", (error) => this.#takeError(root, error));
    await this.#whenReady(watcher, real);
  }

  /**
   * chokidar says "ready" when it has read every directory, but never when reading one ended in an error it does not expect
   * (a link whose target is longer than a path may be). Such a directory is known and walked: then quiet is ready too. Nor when a
   * directory moved away while it was read, of which nothing is said: then the whole tree is walked as well.
   */
  async #whenReady(watcher: FSWatcher, real: string): Promise<void> {
    const ready = defer<void>();
    watcher.once("ready", () => ready.resolve());
    const timer = setInterval(() => {
      if (performance.now() - this.#lastActivityMs < (this.#failures > 0 ? READY_QUIET_MS : SILENT_QUIET_MS)) return;
      if (this.#failures === 0) this.#refused.add(real);
      ready.resolve();
    }, READY_QUIET_MS / 4);
    await ready.promise;
    clearInterval(timer);
  }

  #wantsWatch(root: RootIndex, real: string, path: string, stats: Stats): boolean {
    this.#lastActivityMs = performance.now();
    if (!stats.isDirectory()) return false;
    const relativePath = this.#relative(real, path);
    if (relativePath === null || !this.#options.scope.mayContain(root, relativePath)) return false;
    if (this.#watched.has(path)) return true;
    if (path.includes(REPLACEMENT) || this.#watched.size >= this.#budget) {
      this.#refused.add(path);
      return false;
    }
    this.#watched.set(path, identityOf(stats));
    this.#refuseUnnameable(path);
    return true;
  }

  /** Directories whose names are no text cannot be watched: only the walk sees what happens in them. */
  #refuseUnnameable(directory: string): void {
    try {
      for (const entry of readdirSync(directory, { encoding: "latin1", withFileTypes: true })) {
        if (entry.isDirectory() && textFromBytes(entry.name) === undefined) this.#refused.add(`${directory}/${entry.name}`);
      }
    } catch (error) {
      // Gone, or not to be read: whoever lists it says so.
      this.#lastFailure = toSmError(error).message;
    }
  }

  /** A directory that took the name of another (two that traded places): the watch of the name still sits on the other. */
  #watchAnew(watcher: FSWatcher, path: string): void {
    const known = this.#watched.get(path);
    if (known === undefined) return;
    const stats = this.#look(path);
    if (stats === undefined || !stats.isDirectory() || identityOf(stats) === known) return;
    for (const watched of [...this.#watched.keys()].filter((at) => at === path || at.startsWith(`${path}/`))) {
      this.#watched.delete(watched);
      watcher._closePath(watched);
      watcher._watched.delete(watched);
    }
    watcher.add(path);
  }

  #look(path: string): Stats | undefined {
    try {
      return lstatSync(path, { throwIfNoEntry: false });
    } catch (error) {
      this.#lastFailure = toSmError(error).message;
      return undefined;
    }
  }

  /** Path below the root in bytes; null when the text cannot name it. */
  #relative(real: string, path: string): BytePath | null {
    const text = path === real ? "" : relative(real, path);
    if (text.includes(REPLACEMENT) || text.startsWith("..")) return null;
    const bytes = bytesFromText(text);
    return isBytePath(bytes) ? bytes : null;
  }

  #takeRaw(root: RootIndex, real: string, name: string | null, watchedPath: string): void {
    const directory = this.#relative(real, watchedPath);
    if (directory === null) return;
    if (name === null || name === "" || name.includes(REPLACEMENT)) {
      this.#addDirectory(root, directory);
      this.#refuseUnnameable(watchedPath);
      return;
    }
    const path = joinPath(directory, bytesFromText(name));
    if (isBytePath(path)) this.#addName(root, path);
    else this.#addDirectory(root, directory);
    // A watch on a directory also reports the directory itself, under its own name.
    if (join(watchedPath, name) !== real && directory !== "") this.#addName(root, directory);
  }

  #addName(root: RootIndex, path: BytePath | null): void {
    if (path !== null && path !== "") this.#facts.add({ kind: "name", root, path });
  }

  #addDirectory(root: RootIndex, path: BytePath | null): void {
    this.#facts.add({ kind: "directory", root, path: path ?? ROOT_PATH, recursive: path === null });
  }

  #takeError(root: RootIndex, thrown: unknown): void {
    this.#failures += 1;
    this.#lastFailure = toSmError(thrown).message;
    if (thrown instanceof Error && "path" in thrown && typeof thrown.path === "string") {
      const directory = this.#watched.has(thrown.path) ? thrown.path : dirname(thrown.path);
      this.#watched.delete(directory);
      this.#refused.add(directory);
    }
    this.#facts.add({ kind: "lost", root, path: ROOT_PATH, reason: this.#lastFailure });
  }

  #walkUncovered(): void {
    if (this.#refused.size === 0) return;
    for (const { index } of this.#options.scope.roots) this.#facts.add({ kind: "directory", root: index, path: ROOT_PATH, recursive: true });
  }

  take(max: number): CaptureFact[] {
    return this.#facts.take(max);
  }

  onFacts(listener: () => void): void {
    this.#facts.onFacts = listener;
  }

  coverage(): CaptureCoverage {
    const total = this.#watched.size + this.#refused.size;
    return {
      tier: 4,
      source: "chokidar",
      why: "portable capture over inotify: works for every account and local file system",
      blindSpots: [
        "changed ranges are found by comparing blocks of the files that changed",
        "stores through a shared memory mapping show when the file is closed, synced or walked",
        "directories whose name is not UTF-8 are covered by the walk only",
      ],
      directoriesWatched: this.#watched.size,
      directoriesTotal: total,
      walkSeconds: this.#refused.size > 0 ? this.#options.walkSeconds : 0,
      advice: this.#advice(total),
      events: this.#facts.events,
      losses: this.#failures,
    };
  }

  #advice(total: number): string | null {
    if (this.#refused.size === 0) return null;
    const share = Math.floor((100 * this.#watched.size) / Math.max(1, total));
    const need = Math.ceil(total / 0.9);
    if (this.#watched.size < this.#budget && !/ENOSPC|EMFILE/.test(this.#lastFailure)) {
      return `${this.#refused.size} of ${total} directories cannot be watched and are walked every ${this.#options.walkSeconds} s: a name that is not UTF-8, or ${this.#lastFailure || "no watch for them"}`;
    }
    return `inotify watches ran out: ${this.#watched.size} of ${total} directories are watched (${share} %), the rest is walked every ${this.#options.walkSeconds} s; needed: sysctl fs.inotify.max_user_watches=${need} (budget now ${this.#budget})${this.#lastFailure === "" ? "" : `; last error: ${this.#lastFailure}`}`;
  }

  async close(): Promise<void> {
    if (this.#walkTimer !== null) clearInterval(this.#walkTimer);
    this.#walkTimer = null;
    await Promise.all(this.#watchers.splice(0).map((watcher) => watcher.close()));
  }
}

function identityOf(stats: Stats): string {
  return `${stats.dev}:${stats.ino}`;
}

function watchedPathOf(details: unknown): string | undefined {
  return typeof details === "object" && details !== null && "watchedPath" in details && typeof details.watchedPath === "string"
    ? details.watchedPath
    : undefined;
}
