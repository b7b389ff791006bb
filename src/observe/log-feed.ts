// The log of a running agent as it is asked for: now, or as soon as there is something new.

import { SmError } from "../base/errors.js";
import { type Sharer, Shares } from "../base/shares.js";
import { delay } from "../base/wait.js";
import type { LogControl, LogPage, LogQuery } from "../model/log-entry.js";
import type { AgentLog } from "./agent-log.js";
import { readLog } from "./log-reader.js";

/** News within so much time are read together. */
const GATHER_MS = 100;
/** Each waits, and reads when there is news. */
const WAITING_MAX = { roleMax: 100, callerMax: 50 };

export class LogFeed implements LogControl {
  readonly #log: AgentLog;
  readonly #waiting = new Shares(WAITING_MAX);

  constructor(log: AgentLog) {
    this.#log = log;
  }

  async read(query: LogQuery): Promise<LogPage> {
    await this.#log.flush();
    return readLog(this.#log.directory, query);
  }

  async wait(query: LogQuery, timeoutMs: number, by: Sharer): Promise<LogPage> {
    const full = this.#waiting.fullOf(by);
    if (full !== null) {
      const whose = full.of === "role" ? `with the role ${by.role}` : `of ${by.name}`;
      throw new SmError("API_BUSY", `${full.max} calls ${whose} follow the log already`, { data: { retryAfterSeconds: 5 } });
    }
    const release = this.#waiting.take(by);
    try {
      return await this.#wait(query, performance.now() + timeoutMs);
    } finally {
      release();
    }
  }

  async #wait(query: LogQuery, deadlineMs: number): Promise<LogPage> {
    let after = query.after ?? this.#log.lastSeq;
    for (;;) {
      const page = await this.read({ ...query, after });
      if (page.entries.length > 0 || performance.now() >= deadlineMs) return { ...page, cursor: page.cursor === 0 ? after : page.cursor };
      // What was looked at and is not what is asked for is not looked at again.
      if (page.cursor > 0) after = page.cursor;
      await this.#news(after, deadlineMs - performance.now());
      await delay(Math.max(0, Math.min(GATHER_MS, deadlineMs - performance.now())));
    }
  }

  /** Resolves when there is a line behind `after`, or after `timeoutMs`. */
  async #news(after: number, timeoutMs: number): Promise<void> {
    if (this.#log.lastSeq > after) return;
    const done = new AbortController();
    const forget = this.#log.onLine(() => done.abort());
    await delay(Math.max(0, timeoutMs), done.signal);
    forget();
  }
}
