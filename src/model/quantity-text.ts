// Quantities as people write them, in commands and in files: "10MiB", "100mbit", "90s", "21:00-04:00". Each reader gives undefined
// for what is none, and has beside it the words for what it takes.

const POWERS: Readonly<Record<string, number>> = { "": 0, k: 1, m: 2, g: 3, t: 4 };
const SECONDS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 };

export const BYTES_FORM = "a number of bytes such as 19300, 512KiB or 1.5MB";

/** "19300", "512KiB", "1.5MB", "2G" → bytes. With "i", or without "B", a unit is 1,024 of the one before. */
export function readBytes(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,3})?) ?([kmgt]?)(i?)(b?)$/i.exec(text);
  if (match === null || (match[3] !== "" && match[2] === "")) return undefined;
  const [, number = "", unit = "", binary, byte] = match;
  const step = binary === "" && byte !== "" && unit !== "" ? 1000 : 1024;
  return Math.round(Number(number) * step ** (POWERS[unit.toLowerCase()] ?? 0));
}

export const BIT_RATE_FORM = "the speed of a link such as 100mbit or 1.5gbit";

/** "100mbit", "1.5Gbit/s", "64kbps" → bits per second. */
export function readBitRate(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,3})?) ?([kmgt]?)(?:bit(?:\/s)?|bps)$/i.exec(text);
  return match === null ? undefined : Number(match[1]) * 1000 ** (POWERS[(match[2] ?? "").toLowerCase()] ?? 0);
}

export function isBitRate(text: string): boolean {
  return /(bit(\/s)?|bps)$/i.test(text);
}

/** Bytes per second: "1MiB", "500KB/s", or bits: "10mbit". */
export function readRate(text: string): number | undefined {
  if (!isBitRate(text)) return readBytes(text.replace(/\/s$/i, ""));
  const bits = readBitRate(text);
  return bits === undefined ? undefined : Math.floor(bits / 8);
}

export const DURATION_FORM = "a duration such as 90s, 15m, 1h or 2d";

/** "90", "90s", "15m", "1h", "2d" → seconds. */
export function readSeconds(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)([smhd]?)$/.exec(text);
  const unit = SECONDS[match?.[2] ?? "none"];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

export const PERCENT_FORM = "a percentage above 0 and up to 100";

export function readPercent(text: string): number | undefined {
  const percent = /^\d{1,3}(?:\.\d{1,2})?%?$/.test(text) ? Number(text.replace("%", "")) : 0;
  return percent > 0 && percent <= 100 ? percent : undefined;
}

export const WINDOW_FORM = "two times of day such as 21:00-04:00";

export function readWindow(text: string): { open: string; close: string } | undefined {
  const match = /^(\d{1,2}:\d\d) ?(?:-|\.\.|to) ?(\d{1,2}:\d\d)$/.exec(text.trim());
  const [open, close] = [match?.[1]?.padStart(5, "0"), match?.[2]?.padStart(5, "0")];
  if (open === undefined || close === undefined || [open, close].some((time) => time > "23:59" || time.slice(3) > "59")) return undefined;
  return { open, close };
}

/** The text of a duration: "90s", "15m", "1.5s". */
export function durationText(ms: number): string {
  const [unit, each] = (
    [
      ["d", 86_400_000],
      ["h", 3_600_000],
      ["m", 60_000],
    ] as const
  ).find(([, size]) => ms >= size && ms % size === 0) ?? ["s", 1000];
  return `${ms / each}${unit}`;
}

/** The text of so many bytes that says exactly them: "10MiB", "19300". */
export function bytesText(bytes: number): string {
  const [unit, each] = (
    [
      ["TiB", 1024 ** 4],
      ["GiB", 1024 ** 3],
      ["MiB", 1024 ** 2],
      ["KiB", 1024],
    ] as const
  ).find(([, size]) => bytes >= size && bytes % size === 0) ?? ["", 1];
  return `${bytes / each}${unit}`;
}
