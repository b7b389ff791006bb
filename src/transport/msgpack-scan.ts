// Looks over msgpack before it is unpacked: an unpacker allocates what a length field claims, so nine bytes could ask for
// gigabytes. Every element takes a byte at least, so no honest length exceeds what is left. Extension types are refused:
// sm.1 has none, and unpackers give some of them meanings of their own.

import { SmError } from "../base/errors.js";

const DEPTH_MAX = 8;

function bad(what: string): never {
  throw new SmError("PROTOCOL", `the header of a frame is not valid: ${what}`);
}

/** Throws PROTOCOL unless `bytes` hold exactly one well-formed value without extensions, nested at most 8 deep. */
export function scanMsgpack(bytes: Buffer): void {
  const open: number[] = [1];
  let at = 0;
  const claim = (items: number): void => {
    if (items > bytes.length - at) bad("a length exceeds the header");
    if (items === 0) return;
    if (open.length > DEPTH_MAX) bad("it is nested too deeply");
    open.push(items);
  };
  const length = (width: 1 | 2 | 4): number => {
    if (width > bytes.length - at) bad("it ends early");
    at += width;
    return bytes.readUIntBE(at - width, width);
  };
  while (open.length > 0) {
    const last = open.length - 1;
    if (open[last] === 0) {
      open.pop();
      continue;
    }
    open[last] = (open[last] as number) - 1;
    const tag = bytes[at++];
    if (tag === undefined) bad("it ends early");
    if (tag <= 0x7f || tag >= 0xe0) continue;
    if (tag <= 0x8f) claim((tag & 0x0f) * 2);
    else if (tag <= 0x9f) claim(tag & 0x0f);
    else if (tag <= 0xbf) at += tag & 0x1f;
    else {
      // Not `at += …`: that would take the value of `at` from before the length field was read.
      const passed = scanLongForm(tag, length, claim);
      at += passed;
    }
    if (at > bytes.length) bad("it ends early");
  }
  if (at !== bytes.length) bad("bytes follow its end");
}

/** Bytes of the value that are to be passed over, after its length field. */
function scanLongForm(tag: number, length: (width: 1 | 2 | 4) => number, claim: (items: number) => void): number {
  switch (tag) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return 0;
    case 0xc4:
    case 0xd9:
      return length(1);
    case 0xc5:
    case 0xda:
      return length(2);
    case 0xc6:
    case 0xdb:
      return length(4);
    case 0xcc:
    case 0xd0:
      return 1;
    case 0xcd:
    case 0xd1:
      return 2;
    case 0xca:
    case 0xce:
    case 0xd2:
      return 4;
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return 8;
    case 0xdc:
      claim(length(2));
      return 0;
    case 0xdd:
      claim(length(4));
      return 0;
    case 0xde:
      claim(length(2) * 2);
      return 0;
    case 0xdf:
      claim(length(4) * 2);
      return 0;
    default:
      return bad(`type 0x${tag.toString(16)} is not used`);
  }
}
