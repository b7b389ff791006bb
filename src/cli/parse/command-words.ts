import { readdirSync } from "node:fs";
import { join, parse, sep } from "node:path";

/** Every command as a user types it, read from the files that hold them. */
export function commandWords(commandsDirectory: string): string[] {
  return readdirSync(commandsDirectory, { recursive: true, encoding: "utf8" }).flatMap((file) => {
    if (!file.endsWith(".js")) return [];
    const { dir, name } = parse(file);
    return [join(dir, name).split(sep).join(" ")];
  });
}
