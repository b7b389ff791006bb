// Records of a fixed length by number, outside the garbage collector's sight: a million of them cost their bytes and
// nothing else. They lie in chunks that never move; number 0 is nobody's, and all its words are 0. Numbers of released
// records are used again. What many records took stays taken for those to come.

const CHUNK_RECORDS_LOG2 = 12;
const PLACE_MASK = (1 << CHUNK_RECORDS_LOG2) - 1;

export class RecordStore {
  readonly #recordWords: number;
  readonly #words: Uint32Array[] = [];
  readonly #doubles: Float64Array[] = [];
  #next = 1;
  /** The first of the released records; the first word of each names the next. */
  #released = 0;

  /** `recordWords`: of 32 bits; an even number. */
  constructor(recordWords: number) {
    this.#recordWords = recordWords;
    this.#addChunk();
  }

  #addChunk(): void {
    const chunk = new ArrayBuffer((4 * this.#recordWords) << CHUNK_RECORDS_LOG2);
    this.#words.push(new Uint32Array(chunk));
    this.#doubles.push(new Float64Array(chunk));
  }

  /** A record whose words are all 0. */
  allocate(): number {
    const record = this.#released;
    if (record === 0) {
      const next = this.#next++;
      if (next >>> CHUNK_RECORDS_LOG2 === this.#words.length) this.#addChunk();
      return next;
    }
    const words = this.wordsOf(record);
    const at = this.placeOf(record);
    this.#released = words[at] as number;
    words[at] = 0;
    return record;
  }

  release(record: number): void {
    const words = this.wordsOf(record);
    const at = this.placeOf(record);
    words.fill(0, at, at + this.#recordWords);
    words[at] = this.#released;
    this.#released = record;
  }

  /** The chunk in which the record lies, from `placeOf` on. */
  wordsOf(record: number): Uint32Array {
    return this.#words[record >>> CHUNK_RECORDS_LOG2] as Uint32Array;
  }

  /** The same chunk as numbers of 64 bits, two words each. */
  doublesOf(record: number): Float64Array {
    return this.#doubles[record >>> CHUNK_RECORDS_LOG2] as Float64Array;
  }

  placeOf(record: number): number {
    return (record & PLACE_MASK) * this.#recordWords;
  }

  word(record: number, field: number): number {
    return this.wordsOf(record)[this.placeOf(record) + field] as number;
  }

  setWord(record: number, field: number, value: number): void {
    this.wordsOf(record)[this.placeOf(record) + field] = value;
  }
}
