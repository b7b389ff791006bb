// Where the receiver of a restore calls, and the holder's connection waits for it: each call becomes one channel.

import { SmError } from "../base/errors.js";
import type { Greeting, Peer, SourceChannel, SourceDialer } from "../model/channel-port.js";
import type { RestoreNews } from "../model/restore.js";
import type { RestoreCall } from "../transport/restore-call.js";

export class RestoreGate implements Pick<SourceDialer, "dial"> {
  #waiting: RestoreCall | null = null;
  #last: RestoreCall | null = null;
  #wake: () => void = () => undefined;
  /** Monotonic: since when nobody calls; null = somebody does. */
  #silentMs: number | null = performance.now();

  /** Takes the place of a call before it. */
  take(call: RestoreCall): void {
    this.#last?.close(new SmError("CHANNEL_LOST", "the receiver called again"));
    this.#last = call;
    this.#waiting = call;
    this.#silentMs = null;
    void call.ended.then(() => {
      if (this.#last === call) this.#silentMs = performance.now();
    });
    this.#wake();
  }

  /** For how long nobody has called, in ms. */
  get silentForMs(): number {
    return this.#silentMs === null ? 0 : performance.now() - this.#silentMs;
  }

  tell(news: RestoreNews): void {
    this.#last?.tell(news);
  }

  close(reason: SmError): void {
    this.#last?.close(reason);
  }

  async dial(_peer: Peer, hello: Greeting, signal: AbortSignal): Promise<SourceChannel> {
    for (;;) {
      const call = this.#waiting;
      this.#waiting = null;
      if (call !== null && !call.isEnded) return call.open(hello, signal);
      if (signal.aborted) throw new SmError("CHANNEL_LOST", "the restore ended before its receiver called");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }
}
