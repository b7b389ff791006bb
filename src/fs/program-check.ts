// Whether a program may be run: only what lies below a directory that nobody but the administrator can write to, and no way
// leads out of it. What was checked cannot be exchanged by another account afterwards.

import { lstatSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { liesWithin, realPathAsFarAsItExists } from "./storage-place.js";

const S_STICKY = 0o1000;
const WRITABLE_BY_OTHERS = 0o022;
const EXECUTABLE = 0o111;

/** Why the program may not be run; null = it may. Paths are text. */
export function whyNotRun(directory: string, path: string): string | null {
  if (!path.startsWith(`${directory}/`)) return `${path} does not lie below ${directory}`;
  const within = path.slice(directory.length + 1).split("/");
  if (within.some((name) => name === "" || name === "." || name === "..")) return `${path} is no plain path below ${directory}`;
  const above = directory.split("/").slice(1);
  try {
    for (let count = 0; count <= above.length; count++) {
      const place = `/${above.slice(0, count).join("/")}`;
      const why = whyNoDirectory(place, count < above.length);
      if (why !== null) return why;
    }
    for (let count = 1; count < within.length; count++) {
      const why = whyNoDirectory(`${directory}/${within.slice(0, count).join("/")}`, false);
      if (why !== null) return why;
    }
    return whyNoProgram(path);
  } catch (error) {
    return `${path} cannot be looked at: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
  }
}

export interface ProgramPlace {
  readonly directory: string;
  /** The configuration key of the directory, for words. */
  readonly key: string;
  readonly path: string;
}

/** Why a program is another machine's to change: its directory and a place that sources write to lie inside each other; null = they do not. */
export function whyWritten({ directory, key, path }: ProgramPlace, writtenPlaces: readonly string[]): string | null {
  const place = writtenPlaces.find((each) => liesWithin(each, directory));
  if (place !== undefined) {
    return `a source writes to ${place}, and the programs of ${directory} (${key}) lie there, or it lies among them: choose another directory of programs, or disconnect that source`;
  }
  const { dev, nlink } = lstatSync(path);
  const beside = nlink > 1 ? writtenPlaces.find((each) => deviceOf(each) === dev) : undefined;
  if (beside === undefined) return null;
  return `${path} has ${nlink} names, of which one may lie in ${beside}, where a source writes: give it a file of its own (cp ${path} ${path}.new && mv ${path}.new ${path})`;
}

/** Of the directory, or of the one that it will be made in. */
function deviceOf(path: string): number | undefined {
  const real = realPathAsFarAsItExists(path);
  return lstatSync(real, { throwIfNoEntry: false })?.dev ?? (real === "/" ? undefined : deviceOf(dirname(real)));
}

/** In a directory with the sticky bit, such as /tmp, nobody can replace what is not his. */
function whyNoDirectory(path: string, maySticky: boolean): string | null {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return `${path} is no directory, or is a symbolic link`;
  if (maySticky && (stat.mode & S_STICKY) !== 0) return whyNotOwned(path, stat);
  return whyNotOwned(path, stat) ?? whyWritable(path, stat);
}

function whyNoProgram(path: string): string | null {
  const stat = lstatSync(path);
  if (!stat.isFile()) return `${path} is no regular file`;
  if ((stat.mode & EXECUTABLE) === 0) return `${path} is not executable`;
  return whyNotOwned(path, stat) ?? whyWritable(path, stat);
}

function whyNotOwned(path: string, { uid }: Stats): string | null {
  return uid === 0 || uid === process.geteuid?.() ? null : `${path} belongs to the account ${uid}: it must belong to root`;
}

function whyWritable(path: string, { mode }: Stats): string | null {
  return (mode & WRITABLE_BY_OTHERS) === 0 ? null : `${path} can be written to by others: run chmod go-w ${path}`;
}
