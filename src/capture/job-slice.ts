// How long a job works at a stretch: a turn of the engine's loop for each step would cost more than most steps do.

/** Live changes wait so long at most. */
const SLICE_MS = 4;
/** Between looks for live changes: a look asks the kernel several times. */
const LOOK_MS = 1;

export class JobSlice {
  readonly #isLiveWaiting: () => boolean;
  readonly #untilMs = performance.now() + SLICE_MS;
  #lookedMs = 0;

  constructor(isLiveWaiting: () => boolean) {
    this.#isLiveWaiting = isLiveWaiting;
  }

  get isOver(): boolean {
    const now = performance.now();
    if (now >= this.#untilMs) return true;
    if (now - this.#lookedMs < LOOK_MS) return false;
    this.#lookedMs = now;
    return this.#isLiveWaiting();
  }
}
