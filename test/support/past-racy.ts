import { expect } from "vitest";
import { eventually } from "./eventually.js";

/** Of a file as young as one tick of the clock, equal times prove nothing: its content would travel as a live change. */
export async function pastRacy(): Promise<void> {
  const from = Date.now();
  await eventually(() => expect(Date.now() - from).toBeGreaterThan(30), { intervalMs: 5 });
}
