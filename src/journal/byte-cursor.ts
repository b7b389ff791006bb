// Little-endian reading and writing with bounds: what a file of the journal is made of.
// A number is at most 2^53-1 on disk too; anything above is damage, not a value.

/** Thrown inside the journal only: the bytes are not what the format allows. */
export class FormatError extends Error {
  override readonly name = "FormatError";
}

export function writeU64(out: Buffer, value: number, at: number): void {
  out.writeUInt32LE(value % 0x1_0000_0000, at);
  out.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

/** May exceed 2^53-1 (and then be inexact): the caller checks. */
export function readU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 0x1_0000_0000 + bytes.readUInt32LE(at);
}

export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Buffer {
    if (length > this.left) throw new FormatError(`${length} bytes wanted at ${this.#at}, ${this.left} left`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  u16(): number {
    return this.take(2).readUInt16LE(0);
  }

  u32(): number {
    return this.take(4).readUInt32LE(0);
  }

  u64(): number {
    const value = readU64(this.take(8), 0);
    if (!Number.isSafeInteger(value)) throw new FormatError(`a number above 2^53-1 at ${this.#at - 8}`);
    return value;
  }
}

export class ByteWriter {
  readonly #parts: Buffer[] = [];

  raw(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }

  u16(value: number): this {
    const out = Buffer.alloc(2);
    out.writeUInt16LE(value);
    return this.raw(out);
  }

  u32(value: number): this {
    const out = Buffer.alloc(4);
    out.writeUInt32LE(value);
    return this.raw(out);
  }

  u64(value: number): this {
    const out = Buffer.alloc(8);
    writeU64(out, value, 0);
    return this.raw(out);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
