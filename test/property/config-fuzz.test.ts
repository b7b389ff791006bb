// No text, however made, makes the reading of the configuration crash or hang: it is taken, or refused with the file, the place and
// what is expected. SM_TEST_RUNS makes more of it, SM_TEST_SECONDS ends it earlier and tells how many there were, SM_TEST_SEED draws others.

import fc from "fast-check";
import { expect, test } from "vitest";
import { SmError } from "../../src/base/errors.js";
import { ALL_FIELDS } from "../../src/config/config-fields.js";
import { changeField } from "../../src/config/config-text.js";
import { CONNECTION_SCHEMA, parseConnectionFile } from "../../src/config/connection-file.js";
import { readEnvironment, variableOf } from "../../src/config/environment.js";
import type { FieldError } from "../../src/config/field-error.js";
import { checkConfig } from "../../src/config/load-config.js";
import { parseRepsetFile } from "../../src/config/repset-file.js";

const RUNS = Number(process.env.SM_TEST_RUNS ?? 1000);
const SECONDS = process.env.SM_TEST_SECONDS === undefined ? null : Number(process.env.SM_TEST_SECONDS);
/** No input of this size may take longer, on a loaded machine either. */
const HANG_MS = 10_000;
const FILE = "/etc/sm/some.yaml";

const words = [
  ...ALL_FIELDS.flatMap(({ section, name }) => [section, name]),
  ...Object.keys(CONNECTION_SCHEMA.properties ?? {}),
  ...[
    "rules",
    "path",
    "mode",
    "include",
    "exclude",
    "recursive",
    "generation",
    "window",
    "at",
    "every",
    "start",
    "orphans",
    "action",
    "to",
    "rate",
    "during",
    "lasting",
  ],
];
const values = [
  "null",
  "~",
  "true",
  "0",
  "-1",
  "1e99",
  ".nan",
  "0x7f",
  "10MiB",
  "21:00-04:00",
  "'sun 02:00'",
  "/data",
  "/data/*.{a,b}",
  "[]",
  "{}",
  "automatic",
  "''",
];
const marks = [
  ": ",
  "\n",
  "\n  ",
  "- ",
  "[",
  "]",
  "{",
  "}",
  ", ",
  "#",
  "&a ",
  "*a",
  "!!int ",
  "!!binary ",
  "? ",
  "|\n",
  ">-\n",
  "---\n",
  "...\n",
  "%YAML 1.1\n",
  "<<: ",
  '"',
  "'",
  "\t",
  "\u2028",
  "\u0000",
  "\ufeff",
  "\\",
];

const token = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...words) },
  { weight: 3, arbitrary: fc.constantFrom(...values) },
  { weight: 5, arbitrary: fc.constantFrom(...marks) },
  fc.string({ maxLength: 8, unit: "binary" }),
);
const soup = fc.array(token, { maxLength: 60 }).map((tokens) => tokens.join(""));
const leaf = fc.oneof(
  fc.constantFrom(...words, "10MiB", "90s", "21:00-04:00", "/data", "automatic", "none", "daily"),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
);
const tree = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    leaf,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...words), tie("value"), { maxKeys: 5 }),
  ),
})).value;
const text = fc.oneof(
  soup,
  tree.map((value) => JSON.stringify(value) ?? ""),
  fc.string({ maxLength: 200, unit: "binary" }),
);

function expectClear(errors: readonly FieldError[], file: string, length: number): void {
  for (const error of errors) {
    expect(error.file).toBe(file);
    expect(error.line).toBeGreaterThanOrEqual(1);
    expect(error.line).toBeLessThanOrEqual(length + 1);
    expect(error.column).toBeGreaterThanOrEqual(1);
    expect(error.expected).not.toBe("");
    expect(error.got).not.toBe("");
  }
}

function expectEnvironmentClear(name: string, value: string): void {
  for (const { file, expected } of readEnvironment({ [name]: value }).errors) expect([file, expected === ""]).toEqual([`environment variable ${name}`, false]);
}

/** What is changed is taken as before; anything else is refused with its place. */
function expectChangeable(input: string, key: (typeof ALL_FIELDS)[number], isTaken: boolean): void {
  try {
    const changed = changeField(
      FILE,
      input,
      [key.section, key.name],
      key.field.preset({ configDir: "/c", stateDir: "/s", runtimeDir: "/r", logDir: "/l", hostname: "h" }),
    );
    if (isTaken) expect(checkConfig({ env: {}, hostname: "h", flags: { configDir: "/etc/sm" } }, changed)).toHaveProperty("config");
  } catch (error) {
    if (!(error instanceof SmError)) throw error;
    expect(error.code).toBe("CONFIG_INVALID");
    expectClear(error.data.errors as readonly FieldError[], FILE, input.length);
  }
}

test(`${RUNS} texts are taken, or refused with their place`, { timeout: 3_600_000 }, () => {
  let slowestMs = 0;
  let count = 0;
  const field = fc.constantFrom(...ALL_FIELDS);
  fc.assert(
    fc.property(text, field, (input, key) => {
      const beganMs = performance.now();
      count += 1;
      const checked = checkConfig({ env: {}, hostname: "h", flags: { configDir: "/etc/sm" } }, input);
      if ("errors" in checked) expectClear(checked.errors, "/etc/sm/sm.yaml", input.length);
      const repset = parseRepsetFile(FILE, input);
      if ("errors" in repset) expectClear(repset.errors, FILE, input.length);
      const connection = parseConnectionFile("some", FILE, input);
      if ("errors" in connection) expectClear(connection.errors, FILE, input.length);
      expectEnvironmentClear(variableOf(key.section, key.name), input.replaceAll("\0", ""));
      expectChangeable(input, key, !("errors" in checked));
      slowestMs = Math.max(slowestMs, performance.now() - beganMs);
    }),
    { numRuns: RUNS, ...(SECONDS === null ? {} : { interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false }) },
  );
  if (SECONDS !== null) console.log(`${count} texts, the slowest in ${Math.round(slowestMs)} ms`);
  expect(slowestMs).toBeLessThan(HANG_MS);
});
