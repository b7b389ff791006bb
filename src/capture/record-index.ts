// Finds records by the hash of what they hold: an open table of hashes and record numbers, probed one after the other. It
// keeps no keys: whoever asks goes through the records of a hash and compares.

const SLOTS_MIN = 64;

export class RecordIndex {
  /** Pairs of hash and record; record 0 = free. */
  #slots = new Uint32Array(2 * SLOTS_MIN);
  #mask = SLOTS_MIN - 1;
  #size = 0;

  /** The slot of the first record of that hash; negative = there is none. */
  first(hash: number): number {
    return this.#from(hash & this.#mask, hash);
  }

  /** The slot of the next record of that hash. */
  next(slot: number, hash: number): number {
    return this.#from((slot + 1) & this.#mask, hash);
  }

  #from(start: number, hash: number): number {
    const slots = this.#slots;
    for (let slot = start; slots[2 * slot + 1] !== 0; slot = (slot + 1) & this.#mask) if (slots[2 * slot] === hash) return slot;
    return -1;
  }

  recordAt(slot: number): number {
    return this.#slots[2 * slot + 1] as number;
  }

  /** Adds a record that is not in it. */
  add(record: number, hash: number): void {
    if (3 * this.#size > 2 * this.#mask) this.#grow();
    this.#put(record, hash);
    this.#size += 1;
  }

  #put(record: number, hash: number): void {
    const slots = this.#slots;
    let slot = hash & this.#mask;
    while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & this.#mask;
    slots[2 * slot] = hash;
    slots[2 * slot + 1] = record;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(2 * before.length);
    this.#mask = before.length - 1;
    for (let at = 0; at < before.length; at += 2) if (before[at + 1] !== 0) this.#put(before[at + 1] as number, before[at] as number);
  }

  /** Takes a record out, if it is there. */
  remove(record: number, hash: number): void {
    for (let slot = this.first(hash); slot >= 0; slot = this.next(slot, hash)) {
      if (this.recordAt(slot) !== record) continue;
      this.#empty(slot);
      this.#size -= 1;
      return;
    }
  }

  /** Moves up what the slot had pushed on. */
  #empty(slot: number): void {
    const slots = this.#slots;
    let hole = slot;
    for (let at = (hole + 1) & this.#mask; slots[2 * at + 1] !== 0; at = (at + 1) & this.#mask) {
      const home = (slots[2 * at] as number) & this.#mask;
      if (((at - home) & this.#mask) < ((at - hole) & this.#mask)) continue;
      slots[2 * hole] = slots[2 * at] as number;
      slots[2 * hole + 1] = slots[2 * at + 1] as number;
      hole = at;
    }
    slots[2 * hole + 1] = 0;
  }
}
