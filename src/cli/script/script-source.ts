import { readTextFile } from "../parse/text-file.js";

/** Where the text of a script comes from: a file, or standard input (`-`). */
export function readScript(file: string): Promise<string> {
  return readTextFile(file, "the script");
}
