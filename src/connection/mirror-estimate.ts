// How long a mirror still takes. What a file costs and what a byte costs are told apart by how long it took to do how many of them,
// those skipped and those sent: many small files first and large ones after them do not deceive it. A pure function of what it is told.

/** What is done, in counts that only grow. */
export interface MirrorWork {
  readonly filesSent: number;
  readonly bytesSent: number;
  readonly filesSkipped: number;
  readonly bytesSkipped: number;
}

export interface MirrorTotal {
  readonly files: number;
  readonly bytes: number;
}

/** files sent, bytes sent, files skipped, bytes skipped */
type Vector = readonly [number, number, number, number];

const ZERO: Vector = [0, 0, 0, 0];
/** Before anything is known: how many bytes sent cost as much as each. */
const PRIOR: Vector = [64 * 1024, 1, 4 * 1024, 1 / 16];
/** How much the prior weighs beside what was observed: where that tells the costs apart, next to nothing. */
const PRIOR_WEIGHT = 0.001;
const SWEEPS = 60;
/** What is older than this share of the time so far counts half: for the costs, and for how fast it goes just now. */
const COST_HALF_LIFE = 0.5;
const PACE_HALF_LIFE = 0.2;
const HALF_LIFE_MIN_S = 4;
const SHOWN_AFTER_S = 1;

/** Sums in which what is older weighs less. */
interface Memory {
  readonly halfLife: number;
  seconds: number;
  work: Vector;
}

export class MirrorEstimate {
  #done: Vector = ZERO;
  /** Null = it is not at work. */
  #atMs: number | null = null;
  #elapsedS = 0;
  readonly #cost: Memory = { halfLife: COST_HALF_LIFE, seconds: 0, work: ZERO };
  readonly #pace: Memory = { halfLife: PACE_HALF_LIFE, seconds: 0, work: ZERO };
  /** Of the least squares that tell the costs apart. */
  #products: readonly Vector[] = [ZERO, ZERO, ZERO, ZERO];
  #times: Vector = ZERO;

  /** `atMs` by a clock that never jumps. */
  add(work: MirrorWork, atMs: number): void {
    const { filesSent, bytesSent, filesSkipped, bytesSkipped } = work;
    const now: Vector = [filesSent, bytesSent, filesSkipped, bytesSkipped];
    const done = map(now, (value, i) => Math.max(0, value - (this.#done[i] as number)));
    const seconds = this.#atMs === null ? 0 : (atMs - this.#atMs) / 1000;
    this.#done = now;
    this.#atMs = atMs;
    if (seconds <= 0) return;
    this.#elapsedS += seconds;
    for (const memory of [this.#cost, this.#pace]) {
      const keep = this.#keep(memory.halfLife, seconds);
      memory.seconds = memory.seconds * keep + seconds;
      memory.work = map(memory.work, (value, i) => value * keep + (done[i] as number));
    }
    const keep = this.#keep(COST_HALF_LIFE, seconds);
    // Long intervals say more than short ones.
    this.#products = this.#products.map((row, i) => map(row, (value, j) => value * keep + ((done[i] as number) * (done[j] as number)) / seconds));
    this.#times = map(this.#times, (value, i) => value * keep + (done[i] as number));
  }

  /** Time goes by in which it is not at work: a pause, a closed schedule, no target. */
  rest(): void {
    this.#atMs = null;
  }

  #keep(halfLife: number, seconds: number): number {
    return 0.5 ** (seconds / Math.max(HALF_LIFE_MIN_S, this.#elapsedS * halfLife));
  }

  /** Of what is sent; 0 = nothing is known yet. */
  get bytesPerSecond(): number {
    return this.#pace.seconds === 0 ? 0 : this.#pace.work[1] / this.#pace.seconds;
  }

  /** Null = too little is done to say. */
  secondsLeft(total: MirrorTotal): number | null {
    if (this.#elapsedS < SHOWN_AFTER_S || dot(this.#cost.work, [1, 1, 1, 1]) === 0) return null;
    const costs = this.#costs();
    const expected = dot(costs, this.#pace.work);
    const slowness = expected > 0 ? this.#pace.seconds / expected : 1;
    return dot(costs, this.#remaining(total)) * slowness;
  }

  /** Of what is not looked at yet, as much is skipped as lately. */
  #remaining({ files, bytes }: MirrorTotal): Vector {
    const [filesSent, bytesSent, filesSkipped, bytesSkipped] = this.#done;
    const [recentFiles, recentBytes, skippedFiles, skippedBytes] = this.#cost.work;
    const [filesLeft, bytesLeft] = [Math.max(0, files - filesSent - filesSkipped), Math.max(0, bytes - bytesSent - bytesSkipped)];
    const sentFiles = filesLeft * shareOf(recentFiles, skippedFiles);
    const sentBytes = bytesLeft * shareOf(recentBytes, skippedBytes);
    return [sentFiles, sentBytes, filesLeft - sentFiles, bytesLeft - sentBytes];
  }

  /** Seconds for one of each: least squares, none below 0, drawn to the prior where nothing tells them apart. */
  #costs(): Vector {
    const { work, seconds } = this.#cost;
    const priorSum = dot(PRIOR, work);
    const prior = map(PRIOR, (value) => (priorSum > 0 ? (value * seconds) / priorSum : 0));
    const scale = map(prior, (value) => (value > 0 ? value : 1));
    const pull = PRIOR_WEIGHT * seconds;
    // In units of the prior: 1 = as expected.
    let costs: Vector = [1, 1, 1, 1];
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      for (let i = 0; i < costs.length; i++) {
        const at = i;
        const row = map(this.#products[at] as Vector, (value, j) => value * (scale[at] as number) * (scale[j] as number));
        const others = dot(row, costs) - (row[at] as number) * (costs[at] as number);
        const wanted = (this.#times[at] as number) * (scale[at] as number) - others + pull;
        const better = Math.max(0, wanted / ((row[at] as number) + pull));
        costs = map(costs, (value, j) => (j === at ? better : value));
      }
    }
    return map(costs, (value, i) => value * (prior[i] as number));
  }
}

function map(vector: Vector, of: (value: number, index: number) => number): Vector {
  return [of(vector[0], 0), of(vector[1], 1), of(vector[2], 2), of(vector[3], 3)];
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
}

function shareOf(sent: number, skipped: number): number {
  return sent + skipped > 0 ? sent / (sent + skipped) : 1;
}
