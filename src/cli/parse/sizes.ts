import { SmError } from "../../base/errors.js";

const POWERS: Readonly<Record<string, number>> = { "": 0, k: 1, m: 2, g: 3, t: 4 };

/** "19300", "512KiB", "1.5MB", "2G" → bytes. With "i", or without "B", a unit is 1,024 of the one before. */
export function parseBytes(flag: string, text: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,3})?) ?([kmgt]?)(i?)(b?)$/i.exec(text);
  if (match === null || (match[3] !== "" && match[2] === "")) {
    throw new SmError("USAGE", `${flag} is ${JSON.stringify(text)}, but must be a number of bytes such as 19300, 512KiB or 1.5MB`);
  }
  const [, number = "", unit = "", binary, byte] = match;
  const step = binary === "" && byte !== "" && unit !== "" ? 1000 : 1024;
  return Math.round(Number(number) * step ** (POWERS[unit.toLowerCase()] ?? 0));
}

/** "100mbit", "1.5Gbit/s", "64kbps" → bits per second. */
export function parseBitRate(flag: string, text: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,3})?) ?([kmgt]?)(?:bit(?:\/s)?|bps)$/i.exec(text);
  if (match === null) throw new SmError("USAGE", `${flag} is ${JSON.stringify(text)}, but must be the speed of a link such as 100mbit or 1.5gbit`);
  return Number(match[1]) * 1000 ** (POWERS[(match[2] ?? "").toLowerCase()] ?? 0);
}

/** Bytes per second: "1MiB", "500KB/s", or bits: "10mbit". */
export function parseRate(flag: string, text: string): number {
  if (/(bit(\/s)?|bps)$/i.test(text)) return Math.floor(parseBitRate(flag, text) / 8);
  return parseBytes(flag, text.replace(/\/s$/i, ""));
}
