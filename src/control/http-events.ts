// Server-sent events: the status report each time it changed. One wait at the agent and one text serve all who listen.
// Invariants: a stream holds at most the last report that its reader has not taken, and a reader who takes nothing for long is
// dropped; ids tell the runs of the agent apart, so that no client waits for an index of the run before.

import type { IncomingMessage, ServerResponse } from "node:http";
import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import { delay } from "../base/wait.js";
import type { AgentControl } from "../model/control-port.js";
import type { StatusReport } from "../model/status.js";
import { mayCall } from "./caller.js";
import { lookUpCommand } from "./dispatcher.js";
import { jsonText, refusalOf } from "./http-answer.js";
import { type Login, lapsed } from "./login.js";

export interface EventStreamsOptions {
  readonly agent: AgentControl;
  readonly log: Log;
  /** Of the callers of one role. */
  readonly streamsMax?: number;
  /** Of one caller. */
  readonly perCallerMax?: number;
  readonly heartbeatMs?: number;
  /** How long a reader may take nothing. */
  readonly slowMs?: number;
  /** How long it may take to read why the stream ends. */
  readonly endMs?: number;
}

/** Reports of one agent that follow each other faster than this are one event. */
const INTERVAL_MS = 100;
const WAIT_MS = 5_000;
const RETRY_MS = 2_000;

export function wantsEventStream(request: IncomingMessage): boolean {
  return (request.headers.accept ?? "").toLowerCase().includes("text/event-stream");
}

export class EventStreams {
  readonly #options: Required<EventStreamsOptions>;
  readonly #streams = new Set<EventStream>();
  readonly #stop = new AbortController();
  #isPumping = false;

  constructor(options: EventStreamsOptions) {
    this.#options = { streamsMax: 64, perCallerMax: 16, heartbeatMs: 15_000, slowMs: 30_000, endMs: 1_000, ...options };
  }

  get count(): number {
    return this.#streams.size;
  }

  /** From here on the response is a stream. Throws when the caller may not read, or when there are too many. */
  open(login: Login, request: IncomingMessage, response: ServerResponse): void {
    const { agent, streamsMax, perCallerMax, heartbeatMs, slowMs, endMs } = this.#options;
    if (!mayCall(login.caller.role, "monitor")) throw new SmError("REFUSED", `events need the role monitor; ${login.caller.name} has ${login.caller.role}`);
    if (this.#stop.signal.aborted) throw new SmError("AGENT_UNREACHABLE", "the agent is stopping");
    // Behind an answer that is still to come it has no socket, and would not be told of the end of that one.
    if (response.socket === null) throw new SmError("USAGE", "an event stream needs a connection of its own: an answer is still to come on this one");
    const { name, role } = login.caller;
    const alike = [...this.#streams].filter((stream) => stream.login.caller.role === role);
    const own = alike.filter((stream) => stream.login.caller.name === name).length;
    if (alike.length >= streamsMax || own >= perCallerMax) {
      const message = `there are ${own} event streams of ${name}, ${alike.length} with the role ${role}`;
      throw new SmError("API_BUSY", message, { data: { retryAfterSeconds: 5 } });
    }
    const report = agent.status();
    const news = request.headers["last-event-id"] === idOf(report) ? "" : eventText(report);
    const stream = new EventStream(login, response, { heartbeatMs, slowMs, endMs });
    this.#streams.add(stream);
    response.once("close", () => this.#streams.delete(stream));
    stream.offer(report.index, news);
    void this.#pump(report.index);
  }

  /** Ends the streams of those who lost their rights. */
  endLapsed(): void {
    for (const stream of this.#streams) if (!stream.login.isCurrent()) stream.end(lapsed());
  }

  close(): void {
    this.#stop.abort();
    for (const stream of this.#streams) stream.end(new SmError("AGENT_UNREACHABLE", "the agent is stopping"));
  }

  async #pump(index: number): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const { agent, log } = this.#options;
    const { signal } = this.#stop;
    try {
      for (let since = index; this.#streams.size > 0 && !signal.aborted; ) {
        const report = await agent.waitStatus(since, WAIT_MS);
        if (report.index <= since) continue;
        since = report.index;
        const text = eventText(report);
        for (const stream of this.#streams) stream.offer(since, text);
        await delay(INTERVAL_MS, signal);
      }
    } catch (thrown) {
      log.error("event streams ended", { error: toSmError(thrown).stack });
      for (const stream of this.#streams) stream.end(toSmError(thrown));
    } finally {
      this.#isPumping = false;
    }
  }
}

/** One reader. */
class EventStream {
  readonly login: Login;
  readonly #response: ServerResponse;
  readonly #slowMs: number;
  readonly #endMs: number;
  readonly #heartbeat: NodeJS.Timeout;
  #slow: NodeJS.Timeout | undefined;
  /** Of the last report that was offered. */
  #index = 0;
  /** The last event that waits for the reader. */
  #pending: string | undefined;

  constructor(login: Login, response: ServerResponse, { heartbeatMs, slowMs, endMs }: Pick<Required<EventStreamsOptions>, "heartbeatMs" | "slowMs" | "endMs">) {
    this.login = login;
    this.#response = response;
    this.#slowMs = slowMs;
    this.#endMs = endMs;
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs);
    response.once("close", () => {
      clearInterval(this.#heartbeat);
      clearTimeout(this.#slow);
    });
    response.on("drain", () => this.#drained());
    response.on("error", () => response.destroy());
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store", connection: "close" });
    this.#write(`retry: ${RETRY_MS}\n\n`);
  }

  /** The event of the report with that index; an empty one is known to the reader. */
  offer(index: number, text: string): void {
    if (index <= this.#index) return;
    this.#index = index;
    if (this.#slow === undefined) this.#write(text);
    else this.#pending = text;
  }

  /** The reason is the last event. A report that waits is dropped: who comes back gets a newer one. */
  end(reason: SmError): void {
    this.#pending = undefined;
    if (!this.#response.writableEnded && !this.#response.destroyed) this.#response.end(endText(reason));
    // A reader that takes nothing would never see the end.
    setTimeout(() => this.#response.destroy(), this.#endMs).unref();
  }

  #beat(): void {
    if (this.#slow === undefined) this.#write(": heartbeat\n\n");
  }

  #write(text: string): void {
    if (text === "" || this.#response.writableEnded || this.#response.destroyed) return;
    if (this.#response.write(text)) return;
    const message = `nothing of the stream was taken for ${Math.round(this.#slowMs / 1000)} s`;
    this.#slow = setTimeout(() => this.end(new SmError("REQUEST_TIMEOUT", message)), this.#slowMs);
  }

  #drained(): void {
    clearTimeout(this.#slow);
    this.#slow = undefined;
    const text = this.#pending;
    this.#pending = undefined;
    if (text !== undefined) this.#write(text);
  }
}

function idOf({ agent, index }: StatusReport): string {
  return `${Date.parse(agent.startedAt).toString(36)}-${agent.pid}-${index}`;
}

/** Without an id: whoever comes back goes on behind the last report. In the form of a refusal. */
function endText(reason: SmError): string {
  return `event: end\ndata: ${jsonText(refusalOf(reason).body)}\n\n`;
}

/** Only what the schema of `status` lets out. */
function eventText(report: StatusReport): string {
  return `id: ${idOf(report)}\nevent: status\ndata: ${jsonText(lookUpCommand("status").output.parse(report))}\n\n`;
}
