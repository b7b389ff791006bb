// How far a verification is: everything in front of a position was compared. Directories are gone through in byte order, each with its
// names first, and with what is below them then.

import { z } from "zod";
import { type BytePath, isBytePath } from "./byte-path.js";
import type { RootIndex } from "./change.js";

export const verifyPositionSchema = z.strictObject({
  root: z.number().int().nonnegative(),
  /** Of a directory. */
  path: z.custom<BytePath>((value) => typeof value === "string" && isBytePath(value)),
  /** Of an entry in it; "" = before the first. */
  name: z.string(),
});

export type VerifyPosition = Readonly<z.infer<typeof verifyPositionSchema>>;

export type VerifyPlace = Pick<VerifyPosition, "root" | "path">;

/** Below 0: `a` comes first. */
export function comparePlaces(a: VerifyPlace, b: VerifyPlace): number {
  return a.root !== b.root ? a.root - b.root : comparePaths(a.path, b.path);
}

export function comparePositions(a: VerifyPosition, b: VerifyPosition): number {
  return comparePlaces(a, b) || order(a.name, b.name);
}

/** The first of them; null = there is none. */
export function firstPosition(positions: Iterable<VerifyPosition>): VerifyPosition | null {
  let first: VerifyPosition | null = null;
  for (const position of positions) if (first === null || comparePositions(position, first) < 0) first = position;
  return first;
}

export function positionOf(root: RootIndex, path: BytePath, name: string): VerifyPosition {
  return { root, path, name };
}

/** A slash comes before every byte of a name: "a/b" lies in front of "a-b". */
function comparePaths(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let at = 0; at < end; at++) {
    if (a[at] === b[at]) continue;
    return order(a[at] === "/" ? "" : (a[at] as string), b[at] === "/" ? "" : (b[at] as string));
  }
  return a.length - b.length;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
