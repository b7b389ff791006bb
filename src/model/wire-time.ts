// Moments as peers tell them, in milliseconds since 1970: only what a Date can hold. Any other number would end whoever shows it.

import { z } from "zod";

const TIME_MS_MAX = 8.64e15;

export function isTimeMs(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= TIME_MS_MAX;
}

export const timeMsSchema = z.number().min(0).max(TIME_MS_MAX);
