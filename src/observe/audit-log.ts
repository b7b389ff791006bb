// The audit log of an agent: audit.jsonl, one line of JSON for each command that may change something; the ones before it are
// audit.1.jsonl and so on. Invariants: a line is on the disk before its command is answered; lines stand in the order in which their
// commands ended; what cannot be written holds up no command, is said at once, and is counted in the log itself afterwards;
// files, waiting lines and the calls of those who may not call are bounded.

import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../base/clock.js";
import { toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import { RateWindow } from "../base/rate-window.js";
import { MiB } from "../base/units.js";
import { delay } from "../base/wait.js";
import type { AuditControl, AuditEntry, AuditQuery } from "../model/audit.js";
import type { Reason } from "../model/status.js";
import { readAuditEntries } from "./audit-reader.js";

export interface AuditLogOptions {
  readonly directory: string;
  readonly log: Log;
  /** Of one file. */
  readonly bytesMax?: number;
  /** The one that is written included. */
  readonly filesMax?: number;
  /** The longest that a command waits for its line. */
  readonly waitMs?: number;
  readonly clock?: Clock;
  /** `reason` is another one. */
  readonly onChange?: () => void;
}

export const AUDIT_FILE = "audit.jsonl";
export const AUDIT_MODE = 0o640;
const WAITING_MAX = 1_000;
/** Refused calls: of one account, and of all, in ten minutes. So they push nothing else out of the files for weeks. */
const REFUSALS_MAX = 10;
const ALL_REFUSALS_MAX = 40;
const REFUSALS_WINDOW_MS = 600_000;
const ACCOUNTS_MAX = 256;
const LINE_END = 0x0a;

/** The file of that age; 0 is the one that is written. */
export function auditPath(directory: string, age: number): string {
  return join(directory, age === 0 ? AUDIT_FILE : `audit.${age}.jsonl`);
}

export class AuditLog implements AuditControl {
  readonly #options: Required<AuditLogOptions>;
  readonly #refusals: RateWindow;
  readonly #allRefusals: RateWindow;
  #leftOut = 0;
  #writing: Promise<void> = Promise.resolve();
  #waiting = 0;
  /** Lines that could not be written, and are told when one can be again. */
  #lost = 0;
  /** How the file ends is not known: a crash, or a full disk, may have cut its last line. */
  #isEndKnown = false;
  #reason: Reason | undefined;

  constructor(options: AuditLogOptions) {
    this.#options = { bytesMax: 8 * MiB, filesMax: 8, waitMs: 2_000, clock: systemClock, onChange: () => undefined, ...options };
    const window = { windowMs: REFUSALS_WINDOW_MS, clock: this.#options.clock };
    this.#refusals = new RateWindow({ ...window, eventsMax: REFUSALS_MAX, keysMax: ACCOUNTS_MAX });
    this.#allRefusals = new RateWindow({ ...window, eventsMax: ALL_REFUSALS_MAX, keysMax: 1 });
  }

  /** Why it cannot be written; undefined = it can. */
  get reason(): Reason | undefined {
    return this.#reason;
  }

  async write(entry: AuditEntry): Promise<void> {
    if (entry.result === "REFUSED" && entry.input === null && !this.#isWorthWriting(entry)) {
      this.#leftOut += 1;
      return;
    }
    if (this.#waiting >= WAITING_MAX) return this.#lose(1, `${WAITING_MAX} lines wait to be written`);
    const line = JSON.stringify({ ...entry, leftOut: this.#leftOut });
    this.#leftOut = 0;
    this.#waiting += 1;
    this.#writing = this.#writing.then(() => this.#append(line)).finally(() => this.#waiting--);
    const late = new AbortController();
    const isWritten = await Promise.race([this.#writing.then(() => true), delay(this.#options.waitMs, late.signal).then(() => false)]);
    late.abort();
    if (!isWritten) this.#lose(0, `a line takes more than ${this.#options.waitMs} ms`);
  }

  list(query: AuditQuery): Promise<readonly AuditEntry[]> {
    const { directory, filesMax } = this.#options;
    const paths = Array.from({ length: filesMax }, (_, age) => auditPath(directory, age));
    return readAuditEntries(paths, query);
  }

  /** Resolves when all is written that was to be. */
  async close(): Promise<void> {
    await this.#writing;
  }

  #isWorthWriting({ who, from }: AuditEntry): boolean {
    return this.#refusals.count(`${who}\0${from}`) && this.#allRefusals.count("");
  }

  /** Never rejects. */
  async #append(line: string): Promise<void> {
    try {
      const lost = this.#lost;
      await this.#appendBytes(Buffer.from(`${lost === 0 ? "" : `${lossLine(lost)}\n`}${line}\n`));
      this.#lost -= lost;
      this.#recover();
    } catch (error) {
      this.#isEndKnown = false;
      this.#lose(1, toSmError(error).message);
    }
  }

  async #appendBytes(bytes: Buffer): Promise<void> {
    const { bytesMax, directory } = this.#options;
    const path = auditPath(directory, 0);
    let file = await openForAppend(path);
    try {
      let { size } = await file.stat();
      if (size > 0 && size + bytes.length > bytesMax) {
        await file.close();
        await this.#turn();
        file = await openForAppend(path);
        size = 0;
      } else if (!this.#isEndKnown && size > 0 && !(await endsWithLine(file, size))) {
        await file.write(Buffer.of(LINE_END));
      }
      await file.writeFile(bytes);
      await file.datasync();
      if (size === 0) await syncDirectory(directory);
      this.#isEndKnown = true;
    } finally {
      await file.close();
    }
  }

  async #turn(): Promise<void> {
    const { directory, filesMax } = this.#options;
    await rm(auditPath(directory, filesMax - 1), { force: true });
    for (let age = filesMax - 2; age >= 0; age--) {
      await rename(auditPath(directory, age), auditPath(directory, age + 1)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    }
  }

  #lose(count: number, why: string): void {
    this.#lost += count;
    if (this.#reason !== undefined) return;
    const { directory, log, clock, onChange } = this.#options;
    const object = auditPath(directory, 0);
    this.#reason = {
      code: "AUDIT_LOG",
      message: `the audit log cannot be written: ${why}`,
      object,
      since: new Date(clock.nowMs()).toISOString(),
      next: "commands are carried out all the same; the next one tries again",
      nextAt: null,
      command: `df ${directory}`,
    };
    log.error(this.#reason.message, { path: object });
    onChange();
  }

  #recover(): void {
    if (this.#reason === undefined) return;
    this.#reason = undefined;
    this.#options.log.info("the audit log is written again", { path: auditPath(this.#options.directory, 0) });
    this.#options.onChange();
  }
}

/** Follows no link, whoever put it there; an older file that more accounts may use becomes as it should be. */
async function openForAppend(path: string): Promise<FileHandle> {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  const file = await open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, AUDIT_MODE);
  try {
    if (((await file.stat()).mode & 0o7777) !== AUDIT_MODE) await file.chmod(AUDIT_MODE);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A new file is there after a power failure when its directory says so. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function endsWithLine(file: FileHandle, size: number): Promise<boolean> {
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === LINE_END;
}

function lossLine(entries: number): string {
  const entry: AuditEntry = {
    at: new Date().toISOString(),
    who: "the agent",
    uid: null,
    pid: null,
    from: "the agent",
    role: "none",
    command: "audit.lost",
    input: { entries },
    result: "FS_IO",
    durationMs: 0,
    leftOut: 0,
  };
  return JSON.stringify(entry);
}
