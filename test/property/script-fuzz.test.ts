// No text, however made, makes the language crash, hang or err without a place: it is carried out, or refused with a code of the
// table, a line, a column and words.

import fc from "fast-check";
import { expect, test } from "vitest";
import { isErrorCode, SmError } from "../../src/base/errors.js";
import type { CommandPort } from "../../src/script/command-port.js";
import { completeLine } from "../../src/script/completion.js";
import type { StatementReport } from "../../src/script/evaluator.js";
import { ScriptInterrupted } from "../../src/script/interruption.js";
import { runScript } from "../../src/script/script-runner.js";
import { ScriptSession } from "../../src/script/session.js";
import { VERBS } from "../../src/script/vocabulary.js";

/** Refuses every call, so that only the language is at work. */
class RefusingPort implements CommandPort {
  readonly serverNames = null;
  readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  call(): Promise<never> {
    return Promise.reject(new SmError("REFUSED", "this agent refuses everything"));
  }

  callNamed(): Promise<never> {
    return this.call();
  }

  async role(): Promise<null> {
    return null;
  }

  async withToken(): Promise<null> {
    return null;
  }

  toServer(): null {
    return null;
  }
}

/** Loops of a random script may have no end: it is interrupted. */
const INTERRUPT_MS = 25;

async function run(text: string, stopsOnError: boolean): Promise<void> {
  const interrupt = new AbortController();
  const session = new ScriptSession({ port: new RefusingPort(interrupt.signal) });
  session.stopsOnError = stopsOnError;
  const timer = setTimeout(() => interrupt.abort(), INTERRUPT_MS);
  try {
    const { exitCode } = await runScript(text, session, (report) => expectClear(report, text));
    expect(exitCode).toBeGreaterThanOrEqual(0);
  } catch (thrown) {
    if (thrown instanceof ScriptInterrupted) return;
    if (!(thrown instanceof SmError)) throw thrown;
    expect(thrown.code).toBe("SCRIPT_SYNTAX");
    expectPlace(thrown.data as { line: number; column: number }, text);
    expect(thrown.message.length).toBeGreaterThan(10);
  } finally {
    clearTimeout(timer);
  }
}

function expectClear({ error, at, value }: StatementReport, text: string): void {
  expectPlace(at, text);
  if (error === null) return;
  expect(isErrorCode(error.code) && error.entry.disposition).not.toBe("bug");
  expect(value.type === "integer" && value.integer).toBeLessThan(0);
  expect(error.hint).not.toBe("");
}

function expectPlace({ line, column }: { readonly line: number; readonly column: number }, text: string): void {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  expect(line).toBeGreaterThan(0);
  expect(line).toBeLessThanOrEqual(lines.length);
  expect(column).toBeGreaterThan(0);
  expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
}

const words = [...new Set(VERBS.flatMap(({ words: spelled, form }) => [...spelled, ...form.split(/[\s|[\]<>"]+/)]))].filter((word) => word !== "");
const signs = ["IF", "THEN", "ELSEIF", "ELSE", "END", "WHILE", "DO", "FOR", "TO", "STEP", "WRITE", "ON", "ERROR", "CONTINUE", "EXIT", "$x", "$i =", "integer$"];
const tokens = [
  "=",
  "==",
  "<",
  "(",
  ")",
  "+",
  "-",
  "*",
  "/",
  ",",
  ";",
  "\n",
  '"a b"',
  "0",
  "1",
  "3",
  "12/31/2026",
  "22:00",
  '{"id": $x}',
  "{",
  "}",
  "#",
  "AND",
  "NOT",
  "localhost",
];
const soup = fc.array(fc.constantFrom(...words, ...signs, ...signs, ...tokens, ...tokens), { maxLength: 40 }).map((parts) => parts.join(" "));

const block: fc.Memo<string> = fc.memo((depth) => {
  const leaf = fc.constantFrom(
    "write 1",
    "$x = $x + 1",
    "$x = 3",
    "disconnect $x",
    "$c = (version) + 1",
    "on error continue",
    "repset list",
    'write "a" 1/0',
    "exit 3",
  );
  if (depth <= 1) return leaf;
  const inner = fc.array(block(depth - 1), { maxLength: 3 }).map((statements) => statements.join("; "));
  const condition = fc.constantFrom("1", "$x > 2", "NOT ($x == 1)", "1 / 0", '"a" = 1', "(repset list) > 0");
  return fc.oneof(
    leaf,
    fc.tuple(condition, inner, inner).map(([test, then, otherwise]) => `IF ${test} THEN ${then} ELSE ${otherwise} END`),
    fc.tuple(condition, inner).map(([test, body]) => `WHILE ${test} DO ${body} END`),
    inner.map((body) => `FOR $x = 1 TO 4 DO ${body} END`),
  );
});

const cases: readonly (readonly [string, fc.Arbitrary<string>, number])[] = [
  ["characters", fc.string({ unit: "binary", maxLength: 200 }), 800],
  ["characters that mean something", fc.string({ unit: fc.constantFrom(..."\n\r\t ;,=()<>{}[]\"'#$*/+-:.\\aE1\0\u{1F600}"), maxLength: 120 }), 800],
  ["words of the language in any order", soup, 800],
  ["scripts of the right form", fc.array(block(4), { maxLength: 5 }).map((statements) => statements.join("\n")), 200],
];

/** So many inputs in all, shared as the cases are; a soak without a limit of time. Default: what is quick. */
const inputs = Number(process.env.SM_TEST_INPUTS ?? 0);
const quickInputs = cases.reduce((sum, [, , runs]) => sum + runs, 0);
const limits = inputs > 0 ? {} : { interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false };

test.each(cases)("%s", { timeout: inputs > 0 ? 86_400_000 : 60_000 }, async (_name, text, runs) => {
  const numRuns = inputs > 0 ? Math.ceil((inputs * runs) / quickInputs) : runs;
  await fc.assert(fc.asyncProperty(text, fc.boolean(), run), { numRuns, ...limits });
});

test("a line of any characters is completed, or not", () => {
  const sources = { variables: new ScriptSession({ port: new RefusingPort(new AbortController().signal) }).variables, commandNames: ["status"] };
  fc.assert(
    fc.property(fc.oneof(soup, fc.string({ unit: "binary" })), (line) => {
      const { words: found, fragment } = completeLine(line, sources);
      expect(line.endsWith(fragment)).toBe(true);
      expect(found.every((word) => word.toUpperCase().startsWith(fragment.toUpperCase()))).toBe(true);
    }),
  );
});

test("long texts are read in time that grows with their length", async () => {
  for (const piece of ["a ", "write 1\n", '"" ', "$x = 1;", "# x\n", "1 ", "(", '{"a": [', "if 1 then "]) {
    await run(piece.repeat(Math.floor(200_000 / piece.length)), true);
  }
  await run(`call x {"a": "${"b".repeat(900_000)}"}`, true);
  await run(`write "${"b".repeat(900_000)}"`, true);
});
