// The agent's log: winston, with a sink of ours for each place. Who logs never waits, and no place can stop the agent: what cannot be
// written is kept for a while, counted, and said.
//   log.info, logEvent ─▶ record ─▶ winston ─┬▶ sm.log, sm1.log …   text or JSON
//                                            ├▶ dtlogN.dtl          columns of the field
//                                            ├▶ standard error
//                                            └▶ log of the system   numbered events alone

import { Writable } from "node:stream";
import { createLogger, format, transports } from "winston";
import { logEvent } from "../base/events.js";
import type { Log, LogFields, LogLevel } from "../base/log.js";
import { LOG_LEVELS } from "../model/log-entry.js";
import { DTLOG_START, dtlogLine, formatLine, type LogFormat } from "./log-line.js";
import { type LogRecord, recordOf } from "./log-record.js";
import { NumberedSeries, ShiftedSeries } from "./log-series.js";
import { LogWriter } from "./log-writer.js";
import { newestSeq } from "./newest-seq.js";
import { type DatagramPort, SystemLog } from "./system-log.js";

export interface AgentLogOptions {
  readonly directory: string;
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly maxFileBytes: number;
  readonly maxFiles: number;
  readonly dtlogMaxFileBytes: number;
  readonly dtlogMaxFiles: number;
  /** Longest path, or other text of one field. */
  readonly maxPathChars: number;
  /** The log of the system: its socket, or why there is none. Null = it gets nothing. */
  readonly system: (() => DatagramPort | string) | null;
  readonly stderr?: NodeJS.WriteStream;
  /** Between attempts while it cannot be written. */
  readonly retryMs?: number;
}

export interface LogFault {
  readonly message: string;
  /** ISO 8601. */
  readonly since: string;
}

/** A reader of standard error that does not read: lines beyond this wait for nobody. */
const STDERR_WAITING_BYTES_MAX = 256 * 1024;

export class AgentLog implements Log {
  readonly #options: AgentLogOptions;
  readonly #logger: ReturnType<typeof createLogger>;
  readonly #writers: readonly LogWriter[];
  readonly #faults = new Map<string, LogFault>();
  readonly #listeners = new Set<() => void>();
  readonly #faultListeners = new Set<() => void>();
  readonly #system: SystemLog | null;
  readonly #stderr: NodeJS.WriteStream;
  #level: LogLevel;
  #seq: number;

  private constructor(options: AgentLogOptions) {
    const { directory } = options;
    this.#options = options;
    this.#level = options.level;
    this.#seq = newestSeq(directory);
    this.#stderr = options.stderr ?? process.stderr;
    this.#stderr.on("error", ignore);
    const text = this.#writer("sm.log", new ShiftedSeries(directory, options.maxFiles), options.maxFileBytes);
    const columns = this.#writer("dtlog", new NumberedSeries(directory, options.dtlogMaxFiles), options.dtlogMaxFileBytes);
    this.#writers = [text, columns];
    columns.write(DTLOG_START);
    this.#system = options.system === null ? null : new SystemLog({ connect: options.system, onAbsent: (reason) => this.#sayNoSystem(reason) });
    const ids = { pid: process.pid, tid: process.pid };
    const inFiles =
      (take: (record: LogRecord) => void) =>
      (record: LogRecord): void =>
        record.seq > 0 ? take(record) : undefined;
    this.#logger = createLogger({
      level: "debug",
      format: format((info) => info)(),
      transports: [
        sink(inFiles((record) => text.write(formatLine(record, options.format)))),
        sink(inFiles((record) => (record.level === "debug" ? undefined : columns.write(dtlogLine(record, ids))))),
        sink(inFiles((record) => this.#toStderr(formatLine(record, options.format)))),
        sink((record) => this.#system?.take(record)),
      ],
    });
  }

  static open(options: AgentLogOptions): AgentLog {
    return new AgentLog(options);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#log("error", message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#log("warn", message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#log("info", message, fields);
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#log("debug", message, fields);
  }

  get level(): LogLevel {
    return this.#level;
  }

  /** From the next line on. */
  setLevel(level: LogLevel): void {
    if (level === this.#level) return;
    this.#level = level;
    logEvent(this, "logLevelChanged", { level });
  }

  /** Of the last line that went to the files. */
  get lastSeq(): number {
    return this.#seq;
  }

  get directory(): string {
    return this.#options.directory;
  }

  /** What cannot be written now; null = all can. */
  get fault(): LogFault | null {
    return this.#faults.values().next().value ?? null;
  }

  /** Called with each line. */
  onLine(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called when a log can be written no more, or again. */
  onFault(listener: () => void): void {
    this.#faultListeners.add(listener);
  }

  /** What was logged until now is in the files when it resolves, or cannot be. */
  async flush(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.flush()));
  }

  async close(): Promise<void> {
    this.#system?.close();
    await new Promise<void>((resolve) => {
      this.#logger.once("finish", () => resolve());
      this.#logger.end();
    });
    await Promise.all(this.#writers.map((writer) => writer.close()));
    this.#stderr.off("error", ignore);
  }

  #log(level: LogLevel, message: string, fields: LogFields): void {
    const isKept = LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(this.#level);
    if (!isKept && (level === "debug" || this.#system === null)) return;
    if (isKept) this.#seq += 1;
    const seq = isKept ? this.#seq : 0;
    const record = recordOf({ level, message, fields, seq, timeMs: Date.now(), textCharsMax: this.#options.maxPathChars });
    this.#logger.log({ level, message: record.message, record });
    if (isKept) for (const listener of this.#listeners) listener();
  }

  #writer(name: string, series: ShiftedSeries | NumberedSeries, bytesMax: number): LogWriter {
    const { retryMs } = this.#options;
    const onFault = (fault: string | null, lost: number): void => this.#takeFault(name, fault, lost);
    return new LogWriter({ series, bytesMax, onFault, ...(retryMs === undefined ? {} : { retryMs }) });
  }

  /** Said once on standard error and in the status; the log itself tells of it when it can. */
  #takeFault(name: string, fault: string | null, lost: number): void {
    const before = this.#faults.get(name);
    if (fault === null) this.#faults.delete(name);
    else this.#faults.set(name, { message: `the log ${name} cannot be written: ${fault}`, since: new Date().toISOString() });
    const now = this.#faults.get(name);
    this.#toStderr(now === undefined ? `the log ${name} can be written again; ${lost} lines of it were lost` : now.message);
    if (fault === null && lost > 0) logEvent(this, "logLost", { count: lost, reason: before?.message ?? name });
    for (const listener of this.#faultListeners) listener();
  }

  #sayNoSystem(reason: string): void {
    this.info(`there is no log of the system here (${reason}): events are in the log of sm alone`);
  }

  #toStderr(line: string): void {
    if (this.#stderr.writableLength < STDERR_WAITING_BYTES_MAX) this.#stderr.write(`${line}\n`);
  }
}

/** Standard error that nobody reads any more is no reason to end. */
const ignore = (): undefined => undefined;

function sink(take: (record: LogRecord) => void): InstanceType<typeof transports.Stream> {
  const write = (info: { readonly record: LogRecord }, _encoding: string, done: () => void): void => {
    take(info.record);
    done();
  };
  return new transports.Stream({ level: "debug", stream: new Writable({ objectMode: true, write }) });
}
