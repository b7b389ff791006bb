import { SmError } from "../../base/errors.js";
import { BIT_RATE_FORM, BYTES_FORM, isBitRate, readBitRate, readBytes, readRate } from "../../model/quantity-text.js";

/** "19300", "512KiB", "1.5MB", "2G" → bytes. */
export function parseBytes(flag: string, text: string): number {
  return readBytes(text) ?? refuse(flag, text, BYTES_FORM);
}

/** "100mbit", "1.5Gbit/s", "64kbps" → bits per second. */
export function parseBitRate(flag: string, text: string): number {
  return readBitRate(text) ?? refuse(flag, text, BIT_RATE_FORM);
}

/** Bytes per second: "1MiB", "500KB/s", or bits: "10mbit". */
export function parseRate(flag: string, text: string): number {
  return readRate(text) ?? refuse(flag, text, isBitRate(text) ? BIT_RATE_FORM : BYTES_FORM);
}

function refuse(flag: string, text: string, form: string): never {
  throw new SmError("USAGE", `${flag} is ${JSON.stringify(text)}, but must be ${form}`);
}
