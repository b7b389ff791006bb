// Large WebSocket messages past the WebSocket library: written without being copied next to their header, and read from the
// socket's chunks straight into the memory they will be worked on in. Everything else goes through the library as it came.
// Framing: RFC 6455, section 5.2.

/** Messages from this size on take the short way. Above 65,535 bytes the header always has its long form. */
export const BULK_BYTES_MIN = 64 * 1024;

const FINAL_BINARY = 0x82;
const FINAL = 0x80;
const OPCODES = 0x0f;
const CONTROL = 0x08;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const HEADER_BYTES_MAX = 14;

/** Header of one final binary frame; its mask is zero, which leaves the payload as it is. */
export function bulkHeader(payloadBytes: number, isMasked: boolean): Buffer {
  const header = Buffer.alloc(isMasked ? HEADER_BYTES_MAX : HEADER_BYTES_MAX - 4);
  header[0] = FINAL_BINARY;
  header[1] = LENGTH_64 | (isMasked ? MASKED : 0);
  header.writeBigUInt64BE(BigInt(payloadBytes), 2);
  return header;
}

export interface BulkReceiverOptions {
  /** What the other side must do: clients mask, servers do not. */
  readonly isMasked: boolean;
  readonly bytesMax: number;
  /** A part of the stream for the library, in order. Not valid after the call. */
  readonly pass: (chunk: Buffer) => void;
  /** A message; the buffer is the receiver's own, and given away. */
  readonly take: (message: Buffer) => void;
}

/** Follows the frames of a stream; takes the large unfragmented binary ones, passes all else. */
export class BulkReceiver {
  readonly #options: BulkReceiverOptions;
  /** First bytes of a header that a chunk cut. */
  readonly #head = Buffer.alloc(HEADER_BYTES_MAX);
  #headBytes = 0;
  #passBytes = 0;
  #isInMessage = false;
  #message: Buffer | null = null;
  #filled = 0;

  constructor(options: BulkReceiverOptions) {
    this.#options = options;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#message !== null) at = this.#fill(this.#message, chunk, at);
      else if (this.#headBytes > 0) at = this.#completeHead(chunk, at);
      else at = this.#follow(chunk, at);
    }
  }

  #fill(message: Buffer, chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + message.length - this.#filled);
    message.set(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end), this.#filled);
    this.#filled += end - at;
    if (this.#filled === message.length) {
      this.#message = null;
      this.#options.take(message);
    }
    return end;
  }

  /** A header that began in an earlier chunk: kept until it is whole, since its frame may be taken. */
  #completeHead(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length && (this.#headBytes < 2 || this.#headBytes < headerBytesOf(this.#head, 0))) {
      this.#head[this.#headBytes++] = chunk[at++] as number;
    }
    if (this.#headBytes < 2 || this.#headBytes < headerBytesOf(this.#head, 0)) return at;
    const head = this.#head.subarray(0, this.#headBytes);
    this.#headBytes = 0;
    if (!this.#begin(head, 0)) {
      this.#options.pass(Buffer.from(head));
      const end = Math.min(chunk.length, at + this.#passBytes);
      this.#passBytes -= end - at;
      if (end > at) this.#options.pass(chunk.subarray(at, end));
      at = end;
    }
    return at;
  }

  /** As many frames as may be passed in one piece, up to one that is taken or whose header is cut. */
  #follow(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length) {
      if (this.#passBytes > 0) {
        const end = Math.min(chunk.length, at + this.#passBytes);
        this.#passBytes -= end - at;
        at = end;
        continue;
      }
      const rest = chunk.length - at;
      if (rest < 2 || rest < headerBytesOf(chunk, at)) {
        this.#pass(chunk, from, at);
        this.#headBytes = chunk.copy(this.#head, 0, at);
        return chunk.length;
      }
      const headerBytes = headerBytesOf(chunk, at);
      if (this.#begin(chunk, at)) {
        this.#pass(chunk, from, at);
        return at + headerBytes;
      }
      at += headerBytes;
    }
    this.#pass(chunk, from, at);
    return at;
  }

  #pass(chunk: Buffer, from: number, to: number): void {
    if (to > from) this.#options.pass(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
  }

  /** Looks at a whole header. True: its frame is taken. False: header and `#passBytes` of payload are the library's. */
  #begin(bytes: Buffer, at: number): boolean {
    const [first, second] = [bytes[at] as number, bytes[at + 1] as number];
    const length = lengthOf(bytes, at);
    const maskAt = at + headerBytesOf(bytes, at) - 4;
    const isMasked = (second & MASKED) !== 0;
    const isPlain = !isMasked || bytes.readUInt32BE(maskAt) === 0;
    const { bytesMax } = this.#options;
    if (first === FINAL_BINARY && !this.#isInMessage && isPlain && isMasked === this.#options.isMasked && length >= BULK_BYTES_MIN && length <= bytesMax) {
      this.#message = Buffer.allocUnsafeSlow(length);
      this.#filled = 0;
      return true;
    }
    if ((first & OPCODES) < CONTROL) this.#isInMessage = (first & FINAL) === 0;
    this.#passBytes = length;
    return false;
  }
}

function headerBytesOf(bytes: Buffer, at: number): number {
  const second = bytes[at + 1] as number;
  const short = second & 0x7f;
  return 2 + (short === LENGTH_16 ? 2 : short === LENGTH_64 ? 8 : 0) + ((second & MASKED) === 0 ? 0 : 4);
}

/** A length beyond what a number holds exactly is passed on as such: the library refuses it. */
function lengthOf(bytes: Buffer, at: number): number {
  const short = (bytes[at + 1] as number) & 0x7f;
  if (short === LENGTH_16) return bytes.readUInt16BE(at + 2);
  return short === LENGTH_64 ? bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6) : short;
}
