// A trace instance of our own: a ring buffer for each processor with the events, filters and clock that we set, apart from
// whatever else is traced on the machine. Gone when it is closed; what a killed process left is removed by the next start.
//
// tracefs is used where it is mounted; otherwise it is mounted for this process alone, at no path (fs/detached-mount.ts).

import { randomBytes } from "node:crypto";
import { accessSync, closeSync, existsSync, constants as fsConstants, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { cpus, endianness, constants as osConstants } from "node:os";
import { join } from "node:path";
import { SmError, toSmError } from "../base/errors.js";
import { MiB } from "../base/units.js";
import { openDetachedMount } from "../fs/detached-mount.js";
import { errnoName } from "../fs/errno.js";
import { readMountTable } from "../fs/mount-table.js";
import { closeFd, lockFd } from "../fs/native.js";
import { parseTraceFormat, type TraceFormat } from "./trace-format.js";
import { PAGE_HEADER_BYTES } from "./trace-page.js";

export interface TraceInstanceOptions {
  /** Of each processor's ring. Default: 8 MiB, less where there are so many processors that all rings exceed 256 MiB. */
  readonly bufferKiB?: number | undefined;
}

const BUFFER_KIB = 8192;
const BUFFER_KIB_MIN = 512;
const BUFFERS_BYTES_MAX = 256 * MiB;
const LOCK_WAIT_MS = 2000;
const NAME = /^sm-(\d+)-[0-9a-f]+$/;

export class TraceInstance {
  readonly name: string;
  /** What one read of a ring returns, whatever it holds. */
  subBufferBytes = 0;
  /** Pages that one ring holds. */
  ringPages = 0;
  /** To be read without waiting; one for each processor. */
  readonly fds: readonly number[];
  readonly #tracefs: Tracefs;
  readonly #directory: string;
  #isOpen = true;

  private constructor(tracefs: Tracefs, name: string) {
    this.#tracefs = tracefs;
    this.name = name;
    this.#directory = join(tracefs.path, "instances", name);
    this.fds = [];
  }

  /** Nothing is recorded yet: `enable` events, then `start`. Throws UNSUPPORTED with the reason. */
  static open(options: TraceInstanceOptions = {}): TraceInstance {
    if (endianness() !== "LE" || process.arch.endsWith("32") || process.arch === "arm") {
      throw unsupported("trace records are read on 64-bit little-endian machines only");
    }
    const tracefs = openTracefs();
    let instance: TraceInstance | null = null;
    let unlock = (): void => undefined;
    try {
      unlock = lockInstances(tracefs.path);
      removeStale(tracefs.path);
      instance = new TraceInstance(tracefs, `sm-${process.pid}-${randomBytes(4).toString("hex")}`);
      instance.#make(options.bufferKiB ?? defaultBufferKiB());
      return instance;
    } catch (error) {
      if (instance === null) tracefs.close();
      else instance.close();
      throw explain(error, "make a trace instance");
    } finally {
      unlock();
    }
  }

  #make(bufferKiB: number): void {
    checkPageLayout(this.#tracefs.path);
    mkdirSync(this.#directory);
    // First of all: what is open cannot be taken for a leftover by another start.
    const fds = this.fds as number[];
    for (let cpu = 0; existsSync(join(this.#directory, `per_cpu/cpu${cpu}`)); cpu++) {
      fds.push(openSync(join(this.#directory, `per_cpu/cpu${cpu}/trace_pipe_raw`), fsConstants.O_RDONLY | fsConstants.O_NONBLOCK));
    }
    this.#write("tracing_on", "0");
    this.#write("trace_clock", "mono");
    this.#write("buffer_size_kb", String(bufferKiB));
    // A page that is lost is reported by the page that follows it, with the number of records; in the other mode, where
    // new records are refused, only a statistics file tells.
    this.#write("options/overwrite", "1");
    // Whoever waits is woken by the first record. Kernels before 4.20 do so anyway.
    if (existsSync(join(this.#directory, "buffer_percent"))) this.#write("buffer_percent", "0");
    this.subBufferBytes = subBufferBytes(this.#tracefs.path, this.#directory);
    this.ringPages = Math.ceil((bufferKiB * 1024) / this.subBufferBytes);
  }

  /** How this kernel describes the event; null when it has none of that name. */
  format(system: string, event: string): TraceFormat | null {
    const path = join(this.#tracefs.path, "events", system, event, "format");
    if (!existsSync(path)) return null;
    return parseTraceFormat(readFileSync(path, "latin1"));
  }

  /** `filter` "" = every record of the event. */
  enable(system: string, event: string, filter: string): void {
    try {
      if (filter !== "") this.#write(`events/${system}/${event}/filter`, filter);
      this.#write(`events/${system}/${event}/enable`, "1");
    } catch (error) {
      throw explain(error, `enable the trace event ${system}:${event}`);
    }
  }

  disable(system: string, event: string): void {
    this.#write(`events/${system}/${event}/enable`, "0");
  }

  start(): void {
    this.#write("tracing_on", "1");
  }

  /** Records that never came into a ring, and of which no page tells: the buffer was too small for a single burst of interrupts, or was stopped. */
  countDropped(): number {
    let dropped = 0;
    for (let cpu = 0; cpu < this.fds.length; cpu++) {
      const text = readFileSync(join(this.#directory, `per_cpu/cpu${cpu}/stats`), "latin1");
      for (const [, count] of text.matchAll(/^(?:commit overrun|dropped events): (\d+)$/gm)) dropped += Number(count);
    }
    return dropped;
  }

  isRecording(): boolean {
    return readFileSync(join(this.#directory, "tracing_on"), "latin1").trim() === "1";
  }

  #remove(): void {
    if (removeUnused(this.#directory)) return;
    // Somebody looks into it: it stays for the next start to remove, and records nothing.
    this.#write("tracing_on", "0");
    this.#write("events/enable", "0");
  }

  #write(file: string, value: string): void {
    writeFileSync(join(this.#directory, file), value);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const fd of this.fds) closeSync(fd);
    if (existsSync(this.#directory)) this.#remove();
    this.#tracefs.close();
  }
}

interface Tracefs {
  readonly path: string;
  close(): void;
}

function openTracefs(): Tracefs {
  const mounted = findMount();
  if (mounted !== null) return { path: mounted, close: () => undefined };
  const fd = openDetachedMount({ type: "tracefs", source: "tracefs", isReadOnly: false, options: {} });
  if (fd >= 0) return { path: `/proc/self/fd/${fd}`, close: () => closeFd(fd) };
  switch (-fd) {
    case osConstants.errno.ENODEV:
      throw unsupported("the kernel was built without tracefs (CONFIG_TRACING)");
    case osConstants.errno.ENOSYS:
      throw unsupported("tracefs is not mounted: run `mount -t tracefs nodev /sys/kernel/tracing`");
    default:
      throw unsupported(`tracefs cannot be mounted: ${errnoName(fd)}${remedy(-fd)}`);
  }
}

function findMount(): string | null {
  for (const { type, mountPoint } of readMountTable()) {
    if (type !== "tracefs") continue;
    const path = Buffer.from(mountPoint, "latin1").toString();
    // A mount may be read-only, hidden by another, or of a part of tracefs.
    if (isWritable(join(path, "instances"))) return path;
  }
  return null;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, fsConstants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function headerPage(tracefs: string): RegExpExecArray | null {
  return /field: char data;\s*offset:(\d+);\s*size:(\d+);/.exec(readFileSync(join(tracefs, "events/header_page"), "latin1"));
}

function checkPageLayout(tracefs: string): void {
  if (Number(headerPage(tracefs)?.[1]) !== PAGE_HEADER_BYTES) throw unsupported("the pages of this kernel's trace buffer have an unknown layout");
}

/** Since 6.8 an instance may have another size than the kernel's own buffer. */
function subBufferBytes(tracefs: string, directory: string): number {
  const own = join(directory, "buffer_subbuf_size_kb");
  return existsSync(own) ? Number(readFileSync(own, "latin1")) * 1024 : PAGE_HEADER_BYTES + Number(headerPage(tracefs)?.[2]);
}

function defaultBufferKiB(): number {
  const share = Math.floor(BUFFERS_BYTES_MAX / cpus().length / 1024);
  return Math.max(BUFFER_KIB_MIN, Math.min(BUFFER_KIB, share));
}

/**
 * One start at a time: another's instance whose rings are not open yet is in nobody's use, and looks like a leftover where its process
 * is not in sight. Returns what ends it. Whoever holds it for long is stopped, and is not waited for.
 */
function lockInstances(tracefs: string): () => void {
  const fd = openSync(join(tracefs, "instances"), fsConstants.O_RDONLY | fsConstants.O_DIRECTORY);
  const untilMs = performance.now() + LOCK_WAIT_MS;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (lockFd(fd) < 0 && performance.now() < untilMs) Atomics.wait(pause, 0, 0, 5);
  return () => closeSync(fd);
}

/** One that is in use cannot be removed: its rings are open. So a wrong guess about a process does no harm. */
function removeStale(tracefs: string): void {
  for (const name of readdirSync(join(tracefs, "instances"))) {
    const pid = NAME.exec(name)?.[1];
    if (pid === undefined || (Number(pid) !== process.pid && existsSync(`/proc/${pid}`))) continue;
    removeUnused(join(tracefs, "instances", name));
  }
}

/** False when it is in use. */
function removeUnused(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return true;
    if (code === "EBUSY") return false;
    throw error;
  }
}

function unsupported(message: string, cause?: unknown): SmError {
  return new SmError("UNSUPPORTED", `no write ranges: ${message}`, { data: { tier: 3 }, ...(cause === undefined ? {} : { cause }) });
}

function explain(error: unknown, what: string): SmError {
  if (error instanceof SmError) return error;
  const errno = Math.abs((error as NodeJS.ErrnoException).errno ?? 0);
  if (errno === 0) return toSmError(error, "UNSUPPORTED", `no write ranges: cannot ${what}`);
  return unsupported(`cannot ${what}: ${errnoName(errno)}${remedy(errno)}`, error);
}

function remedy(errno: number): string {
  if (errno !== osConstants.errno.EPERM && errno !== osConstants.errno.EACCES) return "";
  if (process.getuid?.() !== 0) return "; it takes root";
  const lockdown = "/sys/kernel/security/lockdown";
  if (existsSync(lockdown) && readFileSync(lockdown, "latin1").includes("[confidentiality]")) return "; kernel lockdown is set to confidentiality";
  return "; in a container it takes CAP_SYS_ADMIN and a writable tracefs";
}
