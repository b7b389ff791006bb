// How far an unfinished mirror came, on record: worth something only for the very copy that it was sent to.
//   source worker ─ pointer, last set ─▶ waits until the target has that durably ─▶ record

import { z } from "zod";
import { type BytePath, isBytePath } from "../model/byte-path.js";
import type { MirrorPlace, MirrorPointer } from "../model/mirror-wish.js";
import type { Welcome } from "../model/session.js";
import type { SourceEvent } from "../model/source-messages.js";
import { isKnownCopy } from "./known-copy.js";

const bytePathSchema = z.custom<BytePath>((value) => typeof value === "string" && isBytePath(value));
const placeSchema = z.strictObject({ root: z.number().int().nonnegative(), path: bytePathSchema });

export const keptPointerSchema = z.strictObject({
  ...placeSchema.shape,
  name: z.string().nullable(),
  except: z.array(placeSchema).readonly(),
  /** The stream that the target must know, and the set that it must have of it. */
  epoch: z.string(),
  seq: z.number(),
});

export type KeptPointer = z.infer<typeof keptPointerSchema>;

type Done = Extract<SourceEvent, { kind: "mirrorProgress" }>["done"];

/** Beyond it the pointer is given up: all is gone through again. */
const EXCEPT_MAX = 1000;

/** The pointer in the stream that begins; undefined = the target is not known to have what was sent. */
export function pointerInStream(kept: KeptPointer | undefined, epoch: string, welcome: Welcome): KeptPointer | undefined {
  if (kept === undefined || welcome.suspect || welcome.empty) return undefined;
  const known = welcome.resumed ? { epoch, appliedSeq: welcome.appliedSeq } : welcome.before;
  if (!isKnownCopy(known, kept)) return undefined;
  return kept.epoch === epoch ? kept : { ...kept, epoch, seq: 0 };
}

/** The pointers of one mirror on their way to the record. */
export class PointerBook {
  readonly #keep: (pointer: KeptPointer | undefined) => void;
  /** Not yet durable on the target. */
  #waiting: { readonly pointer: MirrorPointer; readonly seq: number } | null = null;

  constructor(keep: (pointer: KeptPointer | undefined) => void) {
    this.#keep = keep;
  }

  forget(): void {
    this.#waiting = null;
  }

  /** What was renamed meanwhile is on record at once: the pointer there must not speak for it. */
  take(done: NonNullable<Done>, kept: KeptPointer | undefined): void {
    const { pointer, seq } = done;
    if (pointer === null) {
      this.#waiting = null;
      if (kept !== undefined) this.#keep(undefined);
      return;
    }
    this.#waiting = this.#waiting === null ? { pointer, seq } : { ...this.#waiting, pointer: excepting(this.#waiting.pointer, pointer.except) };
    if (kept === undefined) return;
    const { length } = kept.except;
    const more = excepting(kept, pointer.except);
    if (more.except.length > EXCEPT_MAX) this.#keep(undefined);
    else if (more.except.length > length) this.#keep(more);
  }

  /** The target has more. */
  look(durableSeq: number, epoch: string, kept: KeptPointer | undefined): void {
    const waiting = this.#waiting;
    if (waiting === null || durableSeq < waiting.seq) return;
    this.#waiting = null;
    const { pointer, seq } = waiting;
    if (kept !== undefined && isSame(kept, pointer)) return;
    this.#keep(pointer.except.length > EXCEPT_MAX ? undefined : { ...pointer, epoch, seq });
  }
}

function excepting<T extends MirrorPointer>(pointer: T, places: readonly MirrorPlace[]): T {
  const fresh = places.filter(({ root, path }) => !pointer.except.some((known) => known.root === root && known.path === path));
  return fresh.length === 0 ? pointer : { ...pointer, except: [...pointer.except, ...fresh] };
}

function isSame(a: MirrorPointer, b: MirrorPointer): boolean {
  const isAt = a.root === b.root && a.path === b.path && a.name === b.name && a.except.length === b.except.length;
  return isAt && excepting(a, b.except) === a;
}
