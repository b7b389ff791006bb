// Which man page is meant by what somebody types: `repset show`, `sm repset show`, `sm-repset-show`, or `sm-repset-show(1)` as pages name each other.

import { SmError } from "../../base/errors.js";
import { nearestWord } from "../../base/nearest-word.js";
import type { ManPage } from "../catalog/man-page.js";

const OFFERED_MAX = 8;

/** No words: the page of the program. Throws COMMAND_UNKNOWN with the nearest names. */
export function findPage(pages: readonly ManPage[], words: readonly string[]): ManPage {
  const wanted = keyOf(
    words
      .flatMap((word) => word.trim().split(/\s+/))
      .join("-")
      .replace(/\([15]\)$/, ""),
  );
  const found = pages.find((page) => keyOf(nameOf(page)) === wanted);
  if (found !== undefined) return found;
  throw unknownPage(
    wanted,
    words.join(" "),
    pages.map((page) => keyOf(nameOf(page))),
  );
}

/** "sm-repset-show", "sm.yaml" */
export function nameOf({ file }: ManPage): string {
  return file.slice(0, -2);
}

/** Without the program: "repset-show"; "" is that of the program itself. */
function keyOf(name: string): string {
  return name.toLowerCase().replace(/^sm(-|$)/, "");
}

function unknownPage(wanted: string, typed: string, keys: readonly string[]): SmError {
  const ofGroup = keys.filter((key) => key.startsWith(`${wanted}-`));
  const offered = (names: readonly string[]): string => {
    const shown = names.slice(0, OFFERED_MAX).map((key) => `\`sm man ${key}\``);
    return `${shown.join(", ")}${names.length > shown.length ? `, and ${names.length - shown.length} more` : ""}`;
  };
  if (ofGroup.length > 0)
    return new SmError("COMMAND_UNKNOWN", `${JSON.stringify(typed)} is a group of commands, each of which has a page: ${offered(ofGroup)}`);
  const near = nearestKeys(wanted, keys);
  const hint = near.length === 0 ? "`sm man` lists all" : `did you mean ${offered(near)}?`;
  return new SmError("COMMAND_UNKNOWN", `there is no man page of ${JSON.stringify(typed)}; ${hint}`);
}

/** The one that may be a slip, and those that have one of the words. */
function nearestKeys(wanted: string, keys: readonly string[]): string[] {
  const slip = nearestWord(wanted, keys);
  const last = wanted.split("-").at(-1) ?? "";
  const alike = keys.filter((key) => key.split("-").includes(last));
  return [...new Set([...(slip === undefined ? [] : [slip]), ...alike])];
}
