// Whether a program may be run: only what lies below a directory that nobody but the administrator can write to, and no way
// leads out of it. What was checked cannot be exchanged by another account afterwards.

import { lstatSync, type Stats } from "node:fs";

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
