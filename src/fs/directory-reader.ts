// Goes through the entries of an open directory without making an object of any: the current name and what a look at it
// found lie in buffers that the next entry takes over.

import { SmError } from "../base/errors.js";
import { beat } from "../base/pulse.js";
import { ENOENT, errnoName } from "./errno.js";
import { StatBuffer } from "./file-stat.js";
import { readEntries, SEEK_SET, seekFd, statInto } from "./native.js";

const ENTRIES_BYTES = 65_536;
/** In struct linux_dirent64. */
const RECORD_LENGTH_AT = 16;
const TYPE_AT = 18;
const NAME_AT = 19;
const DOT = 46;

const TYPE_UNKNOWN = 0;
const TYPE_DIRECTORY = 4;

export class DirectoryReader {
  /** Bytes of the current name, then a NUL. */
  readonly name = Buffer.alloc(ENTRIES_BYTES);
  length = 0;
  /** As of the last `look`. */
  readonly stat = new StatBuffer();
  readonly #entries = Buffer.alloc(ENTRIES_BYTES);
  #fd = -1;
  #at = 0;
  #end = 0;
  #type = TYPE_UNKNOWN;

  /** Begins with the directory open at `fd`, which must stay open. */
  begin(fd: number): void {
    this.#fd = fd;
    this.#at = 0;
    this.#end = 0;
    seekFd(fd, 0, SEEK_SET);
  }

  /** Moves on to the next entry but "." and ".."; false at the end. */
  next(): boolean {
    do {
      if (this.#at >= this.#end && !this.#fill()) return false;
      this.#take();
    } while (this.#isDots());
    return true;
  }

  #fill(): boolean {
    beat();
    const got = readEntries(this.#fd, this.#entries);
    // A directory that was removed while it was read has no entries.
    if (got < 0 && got !== -ENOENT) throw new SmError("FS_IO", `cannot list a directory: ${errnoName(got)}`);
    this.#at = 0;
    this.#end = Math.max(0, got);
    return got > 0;
  }

  #take(): void {
    const entries = this.#entries;
    const at = this.#at;
    this.#type = entries[at + TYPE_AT] as number;
    let length = 0;
    for (let byte = entries[at + NAME_AT] as number; byte !== 0; byte = entries[at + NAME_AT + length] as number) this.name[length++] = byte;
    this.name[length] = 0;
    this.length = length;
    this.#at = at + (entries[at + RECORD_LENGTH_AT] as number) + 256 * (entries[at + RECORD_LENGTH_AT + 1] as number);
  }

  #isDots(): boolean {
    return this.name[0] === DOT && (this.length === 1 || (this.length === 2 && this.name[1] === DOT));
  }

  /** The current name as latin1 text. */
  get text(): string {
    return this.name.toString("latin1", 0, this.length);
  }

  /** Looks at the current entry: 0, or the negative errno. */
  look(): number {
    return statInto(this.#fd, this.name, this.stat);
  }

  /** Whether the current entry is a directory; it is looked at only where the file system does not tell with its name. */
  get isDirectory(): boolean {
    if (this.#type !== TYPE_UNKNOWN) return this.#type === TYPE_DIRECTORY;
    return this.look() === 0 && (this.stat.mode & 0o170000) === 0o040000;
  }
}
