// A screen of its own for a full-screen view: what the terminal showed before comes back, however the program ends.

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
    output.write(LEAVE);
  };
  process.once("exit", leave);
  // Before the error is printed: on the other screen nobody would see it.
  process.once("uncaughtExceptionMonitor", leave);
  output.write(ENTER);
  return leave;
}
