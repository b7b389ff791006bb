// One restore to this agent, from the copy that a peer holds: calls the holder until all is here, whatever becomes of the link, and
// takes nothing but what was asked for. The connection that made the copy is held meanwhile.

import { backoffMs } from "../base/backoff.js";
import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import { delay } from "../base/wait.js";
import type { TargetService } from "../connection/target-service.js";
import type { AcceptChannel, Peer } from "../model/channel-port.js";
import type { Mapping } from "../model/connection-spec.js";
import { isSameMappings, type RestoreNews, type RestoreRequest } from "../model/restore.js";
import { dialForRestore } from "../transport/restore-call.js";
import type { WsSourceDialer } from "../transport/source-dialer.js";

export interface RestorePullOptions {
  readonly request: RestoreRequest;
  readonly peerName: string;
  /** Throws when it is no peer any more. */
  readonly findPeer: () => Peer;
  readonly dialer: WsSourceDialer;
  readonly target: Pick<TargetService, "acceptRestore" | "dismiss">;
  /** From the copy to this machine, as it was agreed on. */
  readonly mappings: readonly Mapping[];
  /** The places are those of a connection of this agent. */
  readonly isOwnPlace: boolean;
  readonly onNews: (news: RestoreNews) => void;
  /** Why it does not go on for the moment. */
  readonly onWait: (message: string) => void;
  readonly log: Log;
}

export interface PullEnding {
  readonly status: "Done" | "Failed" | "Stopped";
  readonly message: string | null;
}

const RETRY = { initialMs: 250, maxMs: 10_000, jitter: 0.3 };
const GOODBYE_MS = 5_000;

export class RestorePull {
  readonly #options: RestorePullOptions;
  readonly #abort = new AbortController();
  #ending: PullEnding | null = null;

  constructor(options: RestorePullOptions) {
    this.#options = options;
  }

  /** Resolves when it is over, one way or the other, and nothing of it is open any more. */
  async run(): Promise<PullEnding> {
    const { request, peerName, target } = this.#options;
    for (let attempt = 0; this.#ending === null; attempt++) {
      const before = performance.now();
      const fault = await this.#call();
      if (this.#ending !== null) break;
      if (!isWorthRetrying(fault)) {
        this.#ending = { status: "Failed", message: fault.message };
        break;
      }
      if (performance.now() - before > RETRY.maxMs) attempt = 0;
      this.#options.onWait(fault.message);
      await delay(backoffMs(attempt + 1, RETRY), this.#abort.signal);
    }
    await target.dismiss(peerName, request.key);
    await this.#sayGoodbye();
    return this.#ending;
  }

  stop(ending: PullEnding): void {
    this.#ending ??= ending;
    this.#abort.abort();
  }

  /** A holder that does not hear it ends the run by itself. */
  async #sayGoodbye(): Promise<void> {
    const { request, findPeer, dialer, log } = this.#options;
    try {
      await dialer.sayGoodbye(findPeer(), request.key, AbortSignal.timeout(GOODBYE_MS));
    } catch (error) {
      log.debug(`the holder was not told that the restore is over: ${toSmError(error).message}`);
    }
  }

  async #call(): Promise<SmError> {
    const { request, findPeer, dialer, log } = this.#options;
    const over = new AbortController();
    const signal = AbortSignal.any([this.#abort.signal, over.signal]);
    const onNews = (news: RestoreNews): void => {
      if (this.#ending !== null) return;
      this.#options.onNews(news);
      if (news.status === "done") this.#ending = { status: "Done", message: news.message };
      if (news.status === "failed") this.#ending = { status: "Failed", message: news.message };
      if (this.#ending !== null) over.abort();
    };
    try {
      return await dialForRestore({ dialer, peer: findPeer(), request, accept: this.#accept, onNews, log }, signal);
    } catch (error) {
      return toSmError(error, "CHANNEL_LOST");
    }
  }

  /** What the holder says it will write must be what was agreed on. */
  readonly #accept: AcceptChannel = async (peer, hello) => {
    const { request, mappings, isOwnPlace, target } = this.#options;
    if (hello.connectionKey !== request.key || !isSameMappings(hello.mappings, mappings))
      throw new SmError("PROTOCOL", `${peer} sends something else than what was asked of it`);
    return target.acceptRestore(peer, hello, isOwnPlace);
  };
}

function isWorthRetrying({ code, entry }: SmError): boolean {
  return entry.disposition === "retry" && code !== "INTERNAL";
}
