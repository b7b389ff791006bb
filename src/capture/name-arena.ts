// Names as bytes, one behind the other, each after its length. What is dropped leaves a gap: when gaps are most of it, the
// owner writes the names it still has into a new arena.

const CHUNK_BYTES_LOG2 = 16;
const CHUNK_BYTES = 1 << CHUNK_BYTES_LOG2;
const AT_MASK = CHUNK_BYTES - 1;
const WASTE_MIN_BYTES = 1024 * 1024;

export class NameArena {
  readonly #chunks: Buffer[] = [];
  #end = CHUNK_BYTES;
  #usedBytes = 0;
  #wastedBytes = 0;

  /** Keeps a name of at most 255 bytes; returns where. The first one is kept at 0. */
  add(bytes: Uint8Array, length: number): number {
    if (this.#end + 1 + length > CHUNK_BYTES) {
      this.#chunks.push(Buffer.allocUnsafeSlow(CHUNK_BYTES));
      this.#end = 0;
    }
    const index = this.#chunks.length - 1;
    const chunk = this.#chunks[index] as Buffer;
    const at = this.#end;
    chunk[at] = length;
    for (let i = 0; i < length; i++) chunk[at + 1 + i] = bytes[i] as number;
    this.#end += 1 + length;
    this.#usedBytes += 1 + length;
    return index * CHUNK_BYTES + at;
  }

  drop(name: number): void {
    this.#wastedBytes += 1 + this.lengthOf(name);
  }

  get isMostlyWaste(): boolean {
    return this.#wastedBytes > WASTE_MIN_BYTES && this.#wastedBytes > this.#usedBytes / 2;
  }

  #chunkOf(name: number): Buffer {
    return this.#chunks[name >>> CHUNK_BYTES_LOG2] as Buffer;
  }

  lengthOf(name: number): number {
    return this.#chunkOf(name)[name & AT_MASK] as number;
  }

  text(name: number): string {
    const at = (name & AT_MASK) + 1;
    return this.#chunkOf(name).toString("latin1", at, at + this.lengthOf(name));
  }

  equals(name: number, bytes: Uint8Array, length: number): boolean {
    const chunk = this.#chunkOf(name);
    const at = name & AT_MASK;
    if (chunk[at] !== length) return false;
    for (let i = 0; i < length; i++) if (chunk[at + 1 + i] !== bytes[i]) return false;
    return true;
  }

  copyTo(name: number, into: Uint8Array, offset: number): void {
    const chunk = this.#chunkOf(name);
    const at = (name & AT_MASK) + 1;
    const length = this.lengthOf(name);
    for (let i = 0; i < length; i++) into[offset + i] = chunk[at + i] as number;
  }

  /** As `hashOfBytes`. */
  hashOf(name: number, seed: number): number {
    const at = (name & AT_MASK) + 1;
    return hashOfBytes(this.#chunkOf(name), at, this.lengthOf(name), seed);
  }
}

/** FNV-1a over the bytes, then mixed so that the low bits depend on all. */
export function hashOfBytes(bytes: Uint8Array, from: number, length: number, seed: number): number {
  let hash = Math.imul(seed ^ 0x811c9dc5, 0x9e3779b1);
  for (let i = from; i < from + length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return mixed(hash);
}

export function mixed(hash: number): number {
  let mix = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}
