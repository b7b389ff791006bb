// Parts that the inputs of several commands share.

import { z } from "zod";

const nameSchema = (what: string) => z.string().min(1, `a ${what} name is at least 1 character`).max(255, `a ${what} name is at most 255 characters`);

/** Which names are legal is decided where sets are saved; here only what could not be any name is turned away. */
export const repsetNameSchema = nameSchema("replication set");
export const siteNameSchema = nameSchema("site");
export const connectionIdSchema = z.number().int().positive();
export const rulePathSchema = z.string().min(1).max(4095);
export const generationSchema = z.number().int().nonnegative();

/** Longest a request may be held open in wait of something. */
export const POLL_MS_MAX = 60_000;
export const pollTimeoutSchema = z.number().int().min(0).max(POLL_MS_MAX).default(25_000);

export const emptySchema = z.strictObject({});
