// Bounds of the part of a directory that holds a name and nothing else, in byte order.

import { NAME_BYTES_MAX } from "../model/byte-path.js";

/** The least name beyond `name` that bounds a slice of it alone; "" when there is none. A name of full length has no longer ones behind it. */
export function nextName(name: string): string {
  if (name.length < NAME_BYTES_MAX) return `${name}\x01`;
  const head = name.replace(/\xff+$/, "");
  return head === "" ? "" : `${head.slice(0, -1)}${String.fromCharCode(head.charCodeAt(head.length - 1) + 1)}`;
}

/** The names n with from <= n < until in byte order; "" leaves that end open. */
export interface Span {
  readonly from: string;
  readonly until: string;
}

export function sliceOfName(name: string): Span {
  return { from: name, until: nextName(name) };
}
