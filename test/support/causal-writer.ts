// A process that changes five files, one after the other, in steps (causal-writer.py), and how to tell from their contents
// whether they show one moment of its life.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import type { FileSystemType } from "./loop-image.js";
import { PYTHON } from "./python.js";

export interface Pace {
  readonly type: FileSystemType;
  readonly steps: number;
  /** Between two steps; a pass of reading must fit in. */
  readonly pauseMicroseconds: number;
}

const BLOCK = 4096;

/** Its files are made when it resolves; it goes on when it is told so on its standard input. Ends with the test. */
export async function startCausalWriter(directory: string, { steps, pauseMicroseconds }: Pace): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("./causal-writer.py", import.meta.url));
  const writer = spawn(PYTHON, [script, directory, String(steps), String(pauseMicroseconds)], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(async () => {
    if (writer.exitCode !== null) return;
    writer.kill("SIGKILL");
    await once(writer, "exit");
  });
  await once(writer.stdout as NodeJS.ReadableStream, "data");
  return writer;
}

/** The step that each file shows, in the order in which they are changed. */
export function stepsOf(contentOf: (name: string) => Buffer, stepsMax: number): number[] {
  const step = (name: string): number => Number(contentOf(name).readBigUInt64LE(0));
  const grown = contentOf("grown");
  const last = grown.length < 8 ? 0 : Number(grown.readBigUInt64LE(grown.length - 8));
  expect(last, "the last record of the file that grows").toBe(grown.length / 8);
  const punched = contentOf("punched");
  let holes = 0;
  while (holes < stepsMax && punched[holes * BLOCK] === 0) holes++;
  return [step("plain"), step("direct"), last, holes, stepsMax - contentOf("cut").length];
}

/** Each at least as far as the next, and the last at most one step behind the first. */
export function expectMoment(steps: readonly number[]): void {
  const [first = 0] = steps;
  for (const [i, step] of steps.entries()) expect(step, `file ${i} of ${steps.join(", ")}`).toBeLessThanOrEqual(steps[i - 1] ?? step);
  expect(steps.at(-1), steps.join(", ")).toBeGreaterThanOrEqual(first - 1);
}
