// A screen of its own for a full-screen view: what the terminal showed before comes back, however the program ends.

import { writeSync } from "node:fs";
import { toSmError } from "../../base/errors.js";
import { hangUp } from "../hang-up.js";

const ENTER = "\x1b[?1049h\x1b[2J\x1b[H";
const LEAVE = "\x1b[?25h\x1b[?1049l";
export const CLEAR = "\x1b[2J\x1b[H";

/** Returns what leaves it again; to leave twice does nothing. */
export function enterAlternateScreen(output: NodeJS.WriteStream): () => void {
  let isLeft = false;
  const leave = (): void => {
    if (isLeft) return;
    isLeft = true;
    process.off("exit", leave);
    process.off("uncaughtExceptionMonitor", leave);
    process.off("SIGHUP", onHangUp);
    output.write(LEAVE);
  };
  process.once("SIGHUP", onHangUp);
  process.once("exit", leave);
  // Before the error is printed: on the other screen nobody would see it.
  process.once("uncaughtExceptionMonitor", leave);
  output.write(ENTER);
  return leave;
}

/** The terminal is gone, or somebody only says so. */
function onHangUp(): void {
  try {
    writeSync(process.stdout.fd, LEAVE);
  } catch (error) {
    // Gone indeed: there is nothing to leave.
    if ((error as NodeJS.ErrnoException).code !== "EIO") throw toSmError(error);
  }
  hangUp();
}
