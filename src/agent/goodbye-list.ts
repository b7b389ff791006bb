// Connections that were ended on this source and whose targets have not heard of it: told in the background until they have, or
// until the peer is removed. `<stateDir>/goodbyes.json`; on disk before the connection's own record goes.
//   disconnect ─ add ─▶ goodbyes.json ─ dial, goodbye ══▶ target forgets ══▶ goodbye ─▶ removed

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { backoffMs } from "../base/backoff.js";
import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import { type Deferred, defer, delay } from "../base/wait.js";
import type { ConnectionRecord } from "../connection/connection-record.js";
import { writeFileAtomic } from "../fs/atomic-file.js";
import type { Peer, SourceDialer } from "../model/channel-port.js";
import { connectionKeySchema } from "../model/session.js";
import type { GoodbyeReport } from "../model/status.js";

const goodbyeSchema = z.strictObject({
  key: connectionKeySchema,
  connectionId: z.number().int().positive(),
  repset: z.string(),
  peer: z.string(),
  places: z.array(z.string()),
  /** ISO 8601. */
  since: z.string(),
});

type Goodbye = z.infer<typeof goodbyeSchema>;

export interface GoodbyeListOptions {
  readonly stateDir: string;
  readonly dialer: Pick<SourceDialer, "sayGoodbye">;
  readonly findPeer: (name: string) => Peer;
  readonly onChange: () => void;
  readonly log: Log;
}

interface Pending {
  readonly goodbye: Goodbye;
  /** Aborts when it need not be said any more. */
  readonly abort: AbortController;
  /** Resolves after the first attempt: whether the target knows. */
  readonly first: Deferred<boolean>;
  /** Cuts the wait for the next attempt short. */
  hurry: () => void;
  fault: { readonly code: string; readonly message: string } | null;
  nextAt: string | null;
}

const RETRY = { initialMs: 500, maxMs: 30_000, jitter: 0.3 };
/** How long `sm disconnect` waits for the target. */
const TELL_MS = 8_000;

export class GoodbyeList {
  readonly #options: GoodbyeListOptions;
  readonly #path: string;
  readonly #pending = new Map<string, Pending>();
  readonly #saying = new Set<Promise<void>>();

  private constructor(options: GoodbyeListOptions) {
    this.#options = options;
    this.#path = join(options.stateDir, "goodbyes.json");
  }

  /** Goes on telling what was not told before. */
  static open(options: GoodbyeListOptions): GoodbyeList {
    const list = new GoodbyeList(options);
    for (const goodbye of readGoodbyes(list.#path)) list.#take(goodbye);
    return list;
  }

  has(key: string): boolean {
    return this.#pending.has(key);
  }

  /** On disk when it returns; resolves with whether the target knows, after the first attempt or a moment. */
  add({ key, id, repset, peer, mappings }: ConnectionRecord): Promise<boolean> {
    const places = mappings.map(({ target }) => target);
    const goodbye = { key, connectionId: id, repset, peer, places, since: new Date().toISOString() };
    const before = [...this.#pending.values()].map((pending) => pending.goodbye);
    writeFileAtomic(this.#path, JSON.stringify([...before, goodbye], null, 2));
    const { first, abort } = this.#take(goodbye);
    return Promise.race([first.promise, delay(TELL_MS, abort.signal).then(() => false)]);
  }

  /** The peer may be reached again. */
  nudgePeer(name: string): void {
    for (const { goodbye, hurry } of this.#pending.values()) if (goodbye.peer === name) hurry();
  }

  /** Nobody is there to be told any more. */
  forgetPeer(name: string): void {
    const gone = [...this.#pending.values()].filter(({ goodbye }) => goodbye.peer === name);
    for (const { goodbye, abort } of gone) {
      this.#remove(goodbye.key);
      abort.abort();
    }
  }

  reports(): readonly GoodbyeReport[] {
    return [...this.#pending.values()].map(reportOf);
  }

  async close(): Promise<void> {
    for (const { abort } of this.#pending.values()) abort.abort();
    await Promise.all(this.#saying);
  }

  #take(goodbye: Goodbye): Pending {
    const pending: Pending = { goodbye, abort: new AbortController(), first: defer(), hurry: () => undefined, fault: null, nextAt: null };
    this.#pending.set(goodbye.key, pending);
    const saying = this.#say(pending).finally(() => this.#saying.delete(saying));
    this.#saying.add(saying);
    return pending;
  }

  async #say(pending: Pending): Promise<void> {
    const { signal } = pending.abort;
    for (let attempt = 1; !signal.aborted; attempt++) {
      const fault = await this.#attempt(pending);
      if (signal.aborted) break;
      if (fault === null || fault.code === "REFUSED") {
        this.#remove(pending.goodbye.key);
        if (fault !== null) this.#options.log.warn(`the goodbye to ${pending.goodbye.peer} is given up: ${fault.message}`, { code: fault.code });
        pending.first.resolve(fault === null);
        return;
      }
      const waitMs = backoffMs(attempt, RETRY);
      pending.fault = { code: fault.code, message: fault.message };
      pending.nextAt = new Date(Date.now() + waitMs).toISOString();
      pending.first.resolve(false);
      this.#options.onChange();
      await new Promise<void>((resolve) => {
        pending.hurry = resolve;
        void delay(waitMs, signal).then(() => resolve());
      });
    }
    pending.first.resolve(false);
  }

  /** Null: the target has forgotten the connection. */
  async #attempt({ goodbye, abort }: Pending): Promise<SmError | null> {
    const peer = this.#peerOf(goodbye);
    if (peer === null) return new SmError("REFUSED", `${goodbye.peer} is no peer of this agent any more`);
    try {
      await this.#options.dialer.sayGoodbye(peer, goodbye.key, abort.signal);
      return null;
    } catch (error) {
      return toSmError(error, "CHANNEL_LOST");
    }
  }

  #peerOf({ peer }: Goodbye): Peer | null {
    try {
      return this.#options.findPeer(peer);
    } catch (error) {
      if (toSmError(error).code === "PEER_UNKNOWN") return null;
      throw error;
    }
  }

  /** Told or not: nothing waits for it. A file that cannot be written is told of again, which is harmless. */
  #remove(key: string): void {
    this.#pending.delete(key);
    try {
      writeFileAtomic(
        this.#path,
        JSON.stringify(
          [...this.#pending.values()].map(({ goodbye }) => goodbye),
          null,
          2,
        ),
      );
    } catch (error) {
      this.#options.log.warn(`${this.#path} cannot be written: ${toSmError(error).message}`);
    }
    this.#options.onChange();
  }
}

function reportOf({ goodbye, fault, nextAt }: Pending): GoodbyeReport {
  const { connectionId, repset, peer, places, since } = goodbye;
  const message = `${peer} does not know yet that connection ${connectionId} (${repset}) is over, and refuses its place to other sources`;
  const reason = {
    code: fault?.code ?? "GOODBYE_PENDING",
    message: fault === null ? message : `${message}: ${fault.message}`,
    object: `peer ${peer}`,
    since,
    next: `it is told as soon as it can be reached; \`sm target forget ${connectionId}\` there, or removing the peer here, ends the waiting`,
    nextAt,
    command: "sm peer list",
  };
  return { connectionId, repset, target: peer, places, since, reason };
}

function readGoodbyes(path: string): readonly Goodbye[] {
  if (!existsSync(path)) return [];
  try {
    return z.array(goodbyeSchema).parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new SmError("STATE_CORRUPT", `${path} cannot be read`, { cause: error });
  }
}
