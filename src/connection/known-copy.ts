import type { Welcome } from "../model/session.js";

/** Of that stream, the target has that set. */
export function isKnownCopy(known: Welcome["before"], { epoch, seq }: { readonly epoch: string; readonly seq: number }): boolean {
  return known !== undefined && known.epoch === epoch && known.appliedSeq >= seq;
}
