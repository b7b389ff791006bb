// Looks over msgpack before it is unpacked: an unpacker allocates what a length field claims, so nine bytes could ask for
// gigabytes. Every element takes a byte at least, so no honest lengths, taken together, exceed what is left. Extension types
// are refused: sm.1 has none, and unpackers give some of them meanings of their own.

import { SmError } from "../base/errors.js";

export interface ScanLimits {
  readonly depthMax: number;
  /** Values of all kinds, lists and what is in them alike. */
  readonly elementsMax: number;
  readonly maps: boolean;
}

function bad(what: string): never {
  throw new SmError("PROTOCOL", `the header of a frame is not valid: ${what}`);
}

const LIST = 0xdc;
const MAP = 0xde;
/** By tag from 0xc0: bytes of the length field, then bytes that follow it in any case; -1 = refused. Lists and maps count elements instead. */
const LENGTH_WIDTHS = [0, 0, 0, 0, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4] as const;
const BODY_BYTES = [0, -1, 0, 0, 0, 0, 0, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0] as const;

/** Throws PROTOCOL unless `bytes` hold exactly one well-formed value without extensions, within the limits. */
export function scanMsgpack(bytes: Buffer, { depthMax, elementsMax, maps }: ScanLimits): void {
  const end = bytes.length;
  /** Elements still to come, of the innermost open list and of those around it. */
  const around: number[] = [];
  let left = 1;
  /** The same of all open lists together. */
  let owed = 1;
  let elements = 0;
  let at = 0;
  while (owed > 0) {
    while (left === 0) left = around.pop() as number;
    left -= 1;
    owed -= 1;
    elements += 1;
    const tag = bytes[at++];
    if (tag === undefined) bad("it ends early");
    let items = -1;
    if (tag <= 0x7f || tag >= 0xe0) continue;
    if (tag <= 0x8f) items = (tag & 0x0f) * 2;
    else if (tag <= 0x9f) items = tag & 0x0f;
    else if (tag <= 0xbf) at += tag & 0x1f;
    else {
      const width = LENGTH_WIDTHS[tag - 0xc0] as number;
      const body = BODY_BYTES[tag - 0xc0] as number;
      if (body < 0) bad(`type 0x${tag.toString(16)} is not used`);
      if (at + width > end) bad("it ends early");
      let length = 0;
      for (let i = 0; i < width; i++) length = length * 256 + (bytes[at++] as number);
      if (tag < LIST || tag > 0xdf) at += length + body;
      else items = tag < MAP ? length : length * 2;
    }
    if (at > end) bad("it ends early");
    if (items < 0) continue;
    if (!maps && (tag >= MAP || tag <= 0x8f)) bad("it holds a map");
    owed += items;
    if (owed > end - at) bad("its lengths exceed it");
    if (elements + owed > elementsMax) bad("it holds too many values");
    if (around.length >= depthMax && items > 0) bad("it is nested too deeply");
    around.push(left);
    left = items;
  }
  if (at !== end) bad("bytes follow its end");
}
