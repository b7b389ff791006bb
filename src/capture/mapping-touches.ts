// Which files have pages of theirs brought into the memory of a process, because it touched them through a mapping: the kernel tells each
// such fault (trace events of "filemap", Linux 6.11). A store through a mapping is never the first one told of, but its file is always
// among those told of before it. In a trace instance of its own: readers of mapped files fault often, and what is lost here must not
// put write ranges in doubt.
// Not told: files on DAX, whose pages are the disk's own, and mappings from before the start (`MappedFiles.scan`).

import { toSmError } from "../base/errors.js";
import { type InodeId, inodeKey } from "./range-table.js";
import { THREAD_WORD, type TraceEventPlan } from "./trace-events.js";
import { wordOf } from "./trace-format.js";
import { wide, word } from "./trace-page.js";
import { monotonicNs, TraceReader } from "./trace-reader.js";
import type { TraceVolume } from "./trace-volume.js";

/** A thread touched a file; whether it may store into it is not told. */
export interface Touch {
  readonly pid: number;
  readonly device: number;
  readonly ino: number;
}

export interface TouchDrain {
  readonly touches: readonly Touch[];
  /** False: some were lost, any file may have been touched. */
  readonly isComplete: boolean;
}

const BUFFER_KIB = 1024;
const CLOCK_SLACK_NS = 50_000;
/** More than this between two drains are as good as lost. */
const TOUCHES_MAX = 16_384;
const EVENTS = ["mm_filemap_fault", "mm_filemap_map_pages"] as const;
/** Never had: both events are known, or this is not used. */
const NEEDED = "which files are touched through mappings";

export class MappingTouches {
  readonly #reader: TraceReader;
  #touches = new Map<string, Touch>();
  #lastPid = -1;
  #lastIno = -1;
  #lastDevice = -1;
  #isComplete = true;

  private constructor(reader: TraceReader, volumes: readonly TraceVolume[]) {
    this.#reader = reader;
    this.isKnown = EVENTS.flatMap((event) => reader.enable(this.#plan(event, volumes))).length === 0;
  }

  /** The kernel has these events. */
  readonly isKnown: boolean;

  /** Recording when it returns; null where this kernel, or one of the file systems, does not tell, or no further instance is to be had. */
  static open(volumes: readonly TraceVolume[]): MappingTouches | null {
    if (volumes.some(({ isDax }) => isDax)) return null;
    let reader: TraceReader | null = null;
    try {
      reader = TraceReader.open({ bufferKiB: BUFFER_KIB });
      const touches = new MappingTouches(reader, volumes);
      if (touches.isKnown) {
        reader.start();
        return touches;
      }
    } catch (error) {
      reader?.close();
      if (toSmError(error).code !== "UNSUPPORTED") throw error;
      return null;
    }
    reader.close();
    return null;
  }

  #plan(event: string, volumes: readonly TraceVolume[]): TraceEventPlan {
    return {
      system: "filemap",
      event,
      filter: () => volumes.map(({ device }) => `s_dev == ${device}`).join(" || "),
      blindSpot: NEEDED,
      decoder: (format) => {
        const [ino, device] = [wordOf(format, "i_ino", 8), wordOf(format, "s_dev", 4)];
        return (words, at) => this.#add(word(words, at + THREAD_WORD), word(words, at + device), wide(words, at + ino));
      },
    };
  }

  #add(pid: number, device: number, ino: number): void {
    // A program touches many pages of one file in a row.
    if (ino === this.#lastIno && pid === this.#lastPid && device === this.#lastDevice) return;
    this.#lastIno = ino;
    this.#lastPid = pid;
    this.#lastDevice = device;
    if (this.#touches.size < TOUCHES_MAX) this.#touches.set(`${pid} ${device} ${ino}`, { pid, device, ino });
    else this.#isComplete = false;
  }

  /** Everything before the call, each pair of thread and file once. */
  drain(): TouchDrain {
    this.#reader.read(monotonicNs() + CLOCK_SLACK_NS);
    const isComplete = this.#reader.takeLost() === 0 && this.#isComplete;
    const touches = [...this.#touches.values()];
    this.#touches = new Map();
    this.#lastPid = -1;
    this.#isComplete = true;
    return { touches, isComplete };
  }

  /** To be called every second or so: finds losses of which no event tells. */
  audit(): void {
    this.#reader.audit();
  }

  close(): void {
    this.#reader.close();
  }
}

export function touchKey({ device, ino }: Pick<InodeId, "device" | "ino">): string {
  return inodeKey({ device, root: 0, ino });
}
