// How change sets are made smaller for the wire. Each level saves more than the one before it, and costs more.

import { z } from "zod";

export const compressionSchema = z.enum(["off", "lz4", "brotli"]);
export type Compression = z.infer<typeof compressionSchema>;
/** The levels that change the bytes: each is a kind of frame. */
export type Packing = Exclude<Compression, "off">;

export const COMPRESSIONS: readonly Compression[] = compressionSchema.options;

export function lowerOf(a: Compression, b: Compression): Compression {
  return COMPRESSIONS.indexOf(a) <= COMPRESSIONS.indexOf(b) ? a : b;
}
