// Events to the log of the system (journald or syslog), as libc's syslog(3) writes them: identity `sm`, facility daemon. Nothing here
// waits: what the system does not take at once is queued, what is beyond the queue is counted, and the count is told. ADR 0042.
//   event ─ at most so many a minute of each ─▶ queue ─▶ datagrams to /dev/log

import type { EventLevel } from "../base/events.js";
import { shortened } from "../base/one-line.js";
import type { LogRecord } from "./log-record.js";

/** A datagram socket that never blocks. */
export interface DatagramPort {
  send(bytes: Uint8Array): "sent" | "full" | "large" | "gone";
  close(): void;
}

export interface SystemLogOptions {
  /** The socket, or why there is none. */
  connect(): DatagramPort | string;
  /** Told once: there is no log of the system. */
  onAbsent(reason: string): void;
  readonly identity?: string;
  readonly burst?: number;
  readonly windowMs?: number;
}

/** Of one event within a minute; what is beyond is told as a number. */
const BURST = 10;
const WINDOW_MS = 60_000;
const QUEUE_MAX = 500;
const RETRY_MS = 10;
/** While nothing is taken it is tried less and less often. */
const RETRY_MS_MAX = 500;
/** Where there was no log of the system: it may come later. */
const LOOK_AGAIN_MS = 30_000;
/** What every receiver takes; journald takes more. */
const TEXT_CHARS_MAX = 2000;
const DAEMON = 3 << 3;
const SEVERITY: Readonly<Record<EventLevel, number>> = { error: 3, warn: 4, info: 6 };
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

interface Window {
  readonly endsMs: number;
  count: number;
}

type Severity = keyof typeof SEVERITY;

export class SystemLog {
  readonly #options: SystemLogOptions;
  readonly #windows = new Map<number, Window>();
  #queue: Buffer[] = [];
  #lost = 0;
  #port: DatagramPort | null = null;
  #lookAgainMs = 0;
  #isAbsent = false;
  #wasThere = false;
  #retry: NodeJS.Timeout | null = null;
  #retryMs = RETRY_MS;
  readonly #ticker: NodeJS.Timeout;

  constructor(options: SystemLogOptions) {
    this.#options = options;
    this.#ticker = setInterval(() => this.#tellSuppressed(performance.now()), 1000);
    this.#ticker.unref();
  }

  /** Records without a number of the system's log are none of its matter. */
  take({ system, level, message, timeMs }: LogRecord): void {
    if (system === null || level === "debug") return;
    const nowMs = performance.now();
    this.#tellSuppressed(nowMs);
    const window = this.#windows.get(system) ?? { endsMs: nowMs + (this.#options.windowMs ?? WINDOW_MS), count: 0 };
    this.#windows.set(system, window);
    window.count += 1;
    if (window.count <= (this.#options.burst ?? BURST)) this.#put(level, `${system} ${message}`, timeMs);
  }

  #tellSuppressed(nowMs: number): void {
    for (const [system, { endsMs, count }] of this.#windows) {
      if (nowMs < endsMs) continue;
      this.#windows.delete(system);
      this.#sayHidden(system, count);
    }
  }

  #sayHidden(system: number, count: number): void {
    const hidden = count - (this.#options.burst ?? BURST);
    if (hidden > 0) this.#put("info", `${system} ${hidden} suppressed: the same event; all are in the log of sm`, Date.now());
  }

  #put(level: Severity, text: string, timeMs: number): void {
    const at = new Date(timeMs);
    const two = (value: number): string => String(value).padStart(2, "0");
    const day = `${MONTHS[at.getMonth()]} ${String(at.getDate()).padStart(2, " ")}`;
    const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    const priority = DAEMON | SEVERITY[level];
    this.#queue.push(Buffer.from(`<${priority}>${day} ${time} ${this.#options.identity ?? "sm"}[${process.pid}]: ${shortened(text, TEXT_CHARS_MAX)}`));
    if (this.#queue.length > QUEUE_MAX) {
      this.#queue.shift();
      this.#lost += 1;
    }
    this.#send();
  }

  #send(): void {
    if (this.#retry !== null) return;
    const before = this.#queue.length;
    while (this.#queue.length > 0) {
      const first = this.#queue[0];
      const isThere = this.#connect();
      if (first === undefined || (!isThere && this.#queue.length === 0)) return;
      const sent = this.#port?.send(first) ?? "gone";
      if (sent === "sent" || sent === "large") {
        this.#queue.shift();
        if (sent === "large") this.#lost += 1;
        continue;
      }
      if (sent === "gone") this.#disconnect();
      this.#retryMs = this.#queue.length < before ? RETRY_MS : Math.min(RETRY_MS_MAX, this.#retryMs * 2);
      this.#sendLater();
      return;
    }
    this.#tellLost();
  }

  #sendLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#send();
    }, this.#retryMs);
    this.#retry.unref();
  }

  #tellLost(): void {
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) this.#put("warn", `${lost} lines of sm were not taken by the system's log in time: all are in the log of sm`, Date.now());
  }

  /** Without a log of the system nothing is kept for it, unless it was there before. */
  #connect(): boolean {
    if (this.#port !== null) return true;
    const nowMs = performance.now();
    if (this.#isAbsent && !this.#wasThere && nowMs < this.#lookAgainMs) {
      this.#queue = [];
      return false;
    }
    const port = this.#options.connect();
    if (typeof port !== "string") {
      this.#port = port;
      this.#isAbsent = false;
      this.#wasThere = true;
      return true;
    }
    if (!this.#wasThere) {
      this.#queue = [];
      this.#lost = 0;
    }
    this.#lookAgainMs = nowMs + LOOK_AGAIN_MS;
    if (!this.#isAbsent) this.#options.onAbsent(port);
    this.#isAbsent = true;
    return false;
  }

  #disconnect(): void {
    this.#port?.close();
    this.#port = null;
  }

  /** What waits is tried once more. */
  close(): void {
    clearInterval(this.#ticker);
    for (const [system, { count }] of this.#windows) this.#sayHidden(system, count);
    this.#windows.clear();
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    this.#send();
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#disconnect();
  }
}
