// Opens further sockets for one channel when the plan wants them, and says why there are so many.

import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { SocketRule } from "../model/sockets.js";
import type { FrameLink } from "./frame-link.js";
import type { SocketBundle } from "./socket-bundle.js";
import { LOOKS_BACKED_UP, planSockets } from "./socket-plan.js";

const LOOK_MS = 250;
/** After a further socket could not be had, or one was lost: not tried again for so long; by a person's word, for so long. */
const HELD_MS = 60_000;
const HELD_FIXED_MS = 5_000;

export interface SocketGrowthOptions {
  readonly rule: SocketRule;
  readonly offered: number;
  readonly link: FrameLink;
  /** Opens a socket that the target has joined to the channel. */
  readonly join: (signal: AbortSignal) => Promise<FrameLink>;
  /** Since when, monotonic, no further socket is wanted to this target because one was lost; null = it is. */
  readonly heldSinceMs: number | null;
  readonly onLost: () => void;
  readonly nowMs: () => number;
  readonly log: Log;
}

export class SocketGrowth {
  readonly #options: SocketGrowthOptions;
  readonly #abort = new AbortController();
  #bundle: SocketBundle | null = null;
  #held: { readonly why: string; readonly sinceMs: number } | null;
  #looksBackedUp = 0;
  #opening = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SocketGrowthOptions) {
    this.#options = options;
    const { heldSinceMs, rule } = options;
    // Who says how many there are to be means it.
    this.#held = heldSinceMs === null || rule !== "automatic" ? null : { why: "one was lost a short while ago", sinceMs: heldSinceMs };
  }

  /** Looks after the sockets of the channel until its first one ends. */
  follow(bundle: SocketBundle): void {
    const { rule, offered, link } = this.#options;
    this.#bundle = bundle;
    if (rule === 1 || offered === 1 || link.isEnded) return;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    void link.ended.then(() => {
      clearInterval(this.#timer);
      this.#abort.abort();
    });
    this.#look();
  }

  why(): string {
    return this.#plan().why;
  }

  #plan() {
    const { rule, offered, link } = this.#options;
    const open = this.#bundle?.count ?? 1;
    const held = this.#held?.why ?? "";
    return planSockets({ rule, offered, roundTripMs: link.leastRoundTripMs, looksBackedUp: this.#looksBackedUp, open, held });
  }

  #look(): void {
    const bundle = this.#bundle;
    if (bundle === null) return;
    this.#looksBackedUp = Math.max(0, Math.min(LOOKS_BACKED_UP, this.#looksBackedUp + (bundle.isBackedUp ? 1 : -1)));
    const heldMs = this.#options.rule === "automatic" ? HELD_MS : HELD_FIXED_MS;
    if (this.#held !== null && this.#options.nowMs() - this.#held.sinceMs >= heldMs) this.#held = null;
    const missing = this.#plan().wanted - bundle.count - this.#opening;
    for (let count = 0; count < missing; count++) void this.#open(bundle);
  }

  /** Never rejects: a channel without the further socket is a channel all the same. */
  async #open(bundle: SocketBundle): Promise<void> {
    const { link, join, log, nowMs, onLost } = this.#options;
    this.#opening += 1;
    try {
      const further = await join(this.#abort.signal);
      if (link.isEnded) {
        further.end(new SmError("CHANNEL_LOST", "the channel has ended"));
        return;
      }
      // Before the bundle hears of it, and ends the first one.
      void further.ended.then(() => {
        if (!link.isEnded) onLost();
      });
      bundle.add(further);
    } catch (error) {
      if (link.isEnded) return;
      const { message } = toSmError(error);
      if (this.#held === null) log.warn(`no further socket to ${link.peerName}: ${message}`, { peer: link.peerName });
      this.#held = { why: `no further one could be opened: ${message}`, sinceMs: nowMs() };
    } finally {
      this.#opening -= 1;
    }
  }
}
