// A page in the program man of the system, which formats it for the terminal and pages it.

import { spawn } from "node:child_process";

export interface ManProgram {
  /** Of what is run; its PATH says which man that is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where it writes; "inherit" is the terminal of this process. */
  readonly output: "inherit" | "ignore";
}

/**
 * False: there is no man here, or none that takes a page from its standard input; nothing was shown. Keys of the pager, Ctrl-C among them, are its
 * own: this process ends when it does.
 */
export async function showInMan(roff: string, { env, output }: ManProgram): Promise<boolean> {
  const leave = (): void => undefined;
  process.on("SIGINT", leave);
  try {
    return await new Promise<boolean>((resolve) => {
      const man = spawn("man", ["-l", "-"], { env, stdio: ["pipe", output, "ignore"] });
      man.once("error", () => resolve(false));
      man.once("close", (code, signal) => resolve(code === 0 || signal !== null));
      // Whoever leaves the pager early has read what they wanted.
      man.stdin.on("error", leave);
      man.stdin.end(roff);
    });
  } finally {
    process.off("SIGINT", leave);
  }
}
