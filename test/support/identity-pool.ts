// Identities made once for all tests: making its own is a fifth of a new agent's start.

import { cpSync, existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFiles } from "../../src/transport/identity-files.js";

/** More agents than any test has at a time. */
const COUNT = 24;
let given = 0;

/** Runs once around all tests, below their directory. */
export default async function setup(): Promise<void> {
  const pool = mkdtempSync(join(tmpdir(), "identities-"));
  for (let index = 0; index < COUNT; index++) await createFiles(pool, join(pool, `${index}`), `test-${index}`);
  process.env.SM_TEST_IDENTITIES = pool;
}

/** For an agent that never ran; one that did keeps its own. */
export function giveIdentity(home: string): void {
  const pool = process.env.SM_TEST_IDENTITIES;
  const state = join(home, "state");
  if (pool === undefined || existsSync(join(state, "identity"))) return;
  mkdirSync(state, { recursive: true, mode: 0o700 });
  cpSync(join(pool, `${given++ % COUNT}`), join(state, "identity"), { recursive: true });
}
