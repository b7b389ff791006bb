// The language itself: tokens, expressions, blocks, variables, errors. Commands are in script-commands.

import { describe, expect, test } from "vitest";
import { SmError } from "../../src/base/errors.js";
import { isIncomplete } from "../../src/script/fault.js";
import { ScriptInterrupted } from "../../src/script/interruption.js";
import { parseScript } from "../../src/script/parser.js";
import { ScriptKit } from "../support/script-kit.js";

async function written(text: string): Promise<string> {
  const run = await new ScriptKit().run(text);
  expect(run.failures).toEqual([]);
  return run.output;
}

function fault(text: string): { readonly code: string; readonly message: string; readonly at: string; readonly more: boolean } {
  try {
    parseScript(text);
  } catch (error) {
    if (!(error instanceof SmError)) throw error;
    return { code: error.code, message: error.message, at: `${error.data.line}:${error.data.column}`, more: isIncomplete(error) };
  }
  throw new Error(`no error in ${text}`);
}

describe("values and expressions", () => {
  test.each([
    ["write 1 + 2 * 3", "7"],
    ["write (1 + 2) * 3", "9"],
    ["write 7 / 2 - 10", "-7"],
    ["write -7 / 2", "-3"],
    ["write 0 * -1", "0"],
    ['write "a" + 1 + "b"', "a1b"],
    ['write "a" 1, "b"', "a 1 b"],
    ['write "say ""yes"""', 'say "yes"'],
    ['write "d:\\"', "d:\\"],
    ["write 1 < 2", "1"],
    ["write 1 = 2", "0"],
    ["write 2 <> 2", "0"],
    ['write "a" < "b" AND NOT "a" == "B"', "1"],
    ["write 0 OR 1 AND 0", "0"],
    ["write 0 AND 1 / 0", "0"],
    ["write 1 OR 1 / 0", "1"],
    ["write 8/17/15", "08/17/2015"],
    ["write 12/31/2026 > 1/1/2026", "1"],
    ["write 7:05 22:00:30", "07:05:00 22:00:30"],
    ["write 7:05 < 22:00", "1"],
    ["write date time", null],
    ["write (date) (time)", "11/21/2026 13:59:07"],
    ["write", ""],
  ])("%s", async (text, expected) => {
    if (expected === null) expect(fault(text).message).toContain("put text into quotes");
    else expect((await written(text)).replace(/^ {2}.*\n/gm, "")).toBe(`${expected}\n`);
  });

  test.each([
    ['write 1 - "a"', "1:9 -101 SCRIPT_VALUE"],
    ['write 1 == "a"', "1:9 -101 SCRIPT_VALUE"],
    ["write 1 / 0", "1:9 -101 SCRIPT_VALUE"],
    ["write 9007199254740991 + 1", "1:24 -101 SCRIPT_VALUE"],
    ["write $nothing", "1:7 -101 SCRIPT_VALUE"],
    ['if "a" then end', "1:4 -101 SCRIPT_VALUE"],
    ['integer$ $n = "a"', "1:10 -101 SCRIPT_VALUE"],
    ["$error = 1", "1:1 -101 SCRIPT_VALUE"],
    ["for $i = 1 to 2 step 0 do end", "1:1 -101 SCRIPT_VALUE"],
    ['for $i = "a" to 2 do end', "1:10 -101 SCRIPT_VALUE"],
    ["exit 256", "1:1 -101 SCRIPT_VALUE"],
  ])("%s fails with its place", async (text, failure) => {
    expect((await new ScriptKit().run(text)).failures).toEqual([failure]);
  });

  test("the texts of all variables together are bounded", async () => {
    const assignments = Array.from({ length: 65 }, (_, index) => `$v${index} = $a`).join("\n");
    const { failures } = await new ScriptKit().run(`$a = "12345678"\nfor $i = 1 to 17 do $a = $a + $a end\n${assignments}`);
    expect(failures).toEqual(["66:1 -101 SCRIPT_VALUE"]);
  });

  test("a text that a script makes is bounded", async () => {
    const { failures, exitCode } = await new ScriptKit().run('$a = "12345678"\nwhile 1 do $a = $a + $a end');
    expect(failures).toEqual(["2:20 -101 SCRIPT_VALUE"]);
    expect(exitCode).toBe(2);
  });
});

describe("variables", () => {
  test("are of any type unless declared, and their names do not tell upper from lower case", async () => {
    expect(await written('$A = 1\n$a = $A + 1\n$a = "x"\nwrite $a\nSTRING$ $s = "y"\ndate$ $d = date\ntime$ $t = 1:00\nwrite $S $d $T')).toBe(
      "x\n  11/21/2026\ny 11/21/2026 01:00:00\n",
    );
  });

  test("ENVIRONMENT lists them", async () => {
    const output = await written('$n = 5\n$Name = "a b"\nenvironment');
    expect(output.split("\n")).toEqual([
      "  - Environment -",
      `  ${"source".padEnd(34)}none`,
      `  ${"target".padEnd(34)}none`,
      `  ${"$error".padEnd(34)}string   `,
      `  ${"$n".padEnd(34)}integer  5`,
      `  ${"$Name".padEnd(34)}string   a b`,
      "",
    ]);
  });

  test("a command gives its value, a failing one a negative number, and $error its code", async () => {
    const { output, failures, exitCode } = await new ScriptKit().run(
      ["$v = version", "write $v", "$c = disconnect 1", 'if $c < 0 then write "code" $c $error end', "write (mirror stop 1)"].join("\n"),
      { stopsOnError: false },
    );
    expect(output).toBe("  sm 0.1.0, agent alpha\n1\ncode -104 SCRIPT_NO_SOURCE\n-104\n");
    expect(failures).toEqual(["3:6 -104 SCRIPT_NO_SOURCE", "5:8 -104 SCRIPT_NO_SOURCE"]);
    expect(exitCode).toBe(5);
  });
});

test("a WRITE of more than a text can hold fails as any command does", async () => {
  const long = '$a = "0123456789abcdef"; FOR $i = 1 TO 16 DO $a = $a + $a END; ';
  const { failures, exitCode } = await new ScriptKit().run(`${long}WRITE ${"$a ".repeat(600)}`, { stopsOnError: false });
  expect(failures).toEqual([expect.stringContaining("SCRIPT_VALUE")]);
  expect(exitCode).toBe(5);
});

describe("blocks", () => {
  test("IF, ELSEIF, ELSE, on one line and over several", async () => {
    const text =
      '$n = 0\nwhile $n < 3 do\n  $n = $n + 1\n  IF $n == 1 THEN WRITE "one" ELSEIF $n == 2 THEN\nWRITE "two"\nELSE write "more"; write "than two" END\nend';
    expect(await written(text)).toBe("one\ntwo\nmore\nthan two\n");
  });

  test("FOR counts up and down, and not at all", async () => {
    expect(await written("for $i = 1 to 3 do write $i end for $i = 3 to 1 do write $i end\nFOR $i = 5 TO 1 STEP -2 DO WRITE $i END")).toBe(
      "1\n2\n3\n5\n3\n1\n",
    );
  });

  test("comments, blank lines, semicolons, CRLF and a byte order mark", async () => {
    expect(await written('\ufeff# one\r\n\r\nwrite "a#b" # two\r\n;;write 2;\r\n')).toBe("a#b\n2\n");
  });

  test("a loop without end is interrupted", async () => {
    const interrupt = new AbortController();
    const running = new ScriptKit({ signal: interrupt.signal }).run("$n = 0 while 1 do end");
    await expect(running).rejects.toThrow(SmError);
    const loop = new ScriptKit({ signal: interrupt.signal }).run("while 1 do end");
    setTimeout(() => interrupt.abort(), 20);
    await expect(loop).rejects.toBeInstanceOf(ScriptInterrupted);
  });
});

describe("errors end a script, or do not", () => {
  test("stop: nothing behind the failing command is done, and its exit code is that of the error", async () => {
    const run = await new ScriptKit().run('write 1\ndisconnect 1\nwrite "never"');
    expect(run).toMatchObject({ output: "1\n", failures: ["2:1 -104 SCRIPT_NO_SOURCE"], exitCode: 2 });
  });

  test("ON ERROR CONTINUE goes on, and ON ERROR STOP ends that", async () => {
    const run = await new ScriptKit().run("on error continue\ndisconnect 1\nwrite 1\nON ERROR STOP\ndisconnect 2\nwrite 2");
    expect(run).toMatchObject({ output: "1\n", failures: ["2:1 -104 SCRIPT_NO_SOURCE", "5:1 -104 SCRIPT_NO_SOURCE"], exitCode: 2 });
  });

  test("a condition that cannot be decided does neither branch, and ends its loop", async () => {
    const run = await new ScriptKit().run("if 1/0 then write 1 else write 2 end while 1/0 do write 3 end write 4", { stopsOnError: false });
    expect(run).toMatchObject({ output: "4\n", failures: ["1:5 -101 SCRIPT_VALUE", "1:45 -101 SCRIPT_VALUE"] });
  });

  test("EXIT: with a code, without one what failed decides", async () => {
    expect(await new ScriptKit().run("write 1\nexit 7\nwrite 2")).toMatchObject({ exitCode: 7, isExit: true, output: "1\n" });
    expect(await new ScriptKit().run("quit")).toMatchObject({ exitCode: 0, isExit: true });
    expect((await new ScriptKit().run("disconnect 1\nexit", { stopsOnError: false })).exitCode).toBe(5);
    expect((await new ScriptKit().run("disconnect 1\nexit 0", { stopsOnError: false })).exitCode).toBe(0);
  });

  test("wrong commands are all told before anything is done, with -102", async () => {
    const { failures, exitCode, reports } = await new ScriptKit().run(
      "source localhost\nrepste list\nif 0 then connect a b end\n$x = mirror begin 1\nunload source",
    );
    expect(failures).toEqual(["2:1 -102 SCRIPT_SYNTAX", "3:21 -102 SCRIPT_SYNTAX", "4:13 -102 SCRIPT_SYNTAX", "5:1 -1 SCRIPT_NO_COUNTERPART"]);
    expect(exitCode).toBe(2);
    const said = [
      "did you mean REPSET? HELP lists all",
      'here must be TO, but there is "b". The form is: CONNECT <repset>',
      "there is no such form of MIRROR. Its forms are: MIRRor START",
      "known command",
    ];
    for (const [index, words] of said.entries()) expect(reports[index]?.error?.message).toContain(words);
  });

  test("where errors do not end a script a wrong command fails when its turn comes", async () => {
    const run = await new ScriptKit().run("write 1\nrepste list\nif 0 then nonsense end\n$x = unload source\nwrite $x $error", { stopsOnError: false });
    expect(run).toMatchObject({ output: "1\n-1 SCRIPT_NO_COUNTERPART\n", failures: ["2:1 -102 SCRIPT_SYNTAX", "4:6 -1 SCRIPT_NO_COUNTERPART"], exitCode: 5 });
  });
});

describe("what is wrong with the structure is told with line and column, and nothing is done", () => {
  test.each<[string, string, string, boolean]>([
    ["if 1 then", "1:1", "has no END", true],
    ["if 1", "1:5", "THEN", true],
    ["while 1 do\nif 1 then end", "1:1", "the WHILE of line 1", true],
    ["while 1 do\nelse\nend", "2:1", "belongs to an IF", false],
    ["if 1 then else else end", "1:15", "only END can follow", false],
    ["write 1\nend", "2:1", "belongs to no IF", false],
    ['write "abc\nend', "1:7", "close it with a quotation mark", false],
    ["$x 5", "1:4", "equals sign", false],
    ["$ = 5", "1:1", "a variable is $", false],
    ["for i = 1 to 2 do end", "1:5", "such as $i", false],
    ["on error", "1:9", "here must be STOP", true],
    ["on error goto 1", "1:10", "here must be STOP", false],
    ["$x = (1 + 2", "1:12", "closes that of line 1, column 6", true],
    ["$x = 1 2", "1:8", "begin a new line", false],
    ["$x = 5x", "1:6", "is no number", false],
    ["$x = 13/45/2026", "1:6", "no real date", false],
    ["$x = 99999999999999999999", "1:6", "largest integer", false],
    ["write 1 < 2 < 3", "1:13", "a value", false],
    ["connect a(b", "1:10", "put what contains it into quotes", false],
    ["write 1 \x07", "1:9", "control character", false],
    ["call x {", "1:8", "does not end", true],
    ['call x {"a" 1}', "1:13", "colon", false],
    ['call x {"a": 1, "a": 2}', "1:17", "twice", false],
    [`call x ${'{"a":'.repeat(100)}`, "1:333", "nested deeper", false],
    [`$x = ${"(".repeat(100)}`, "1:70", "nested deeper", false],
    [`$x = ${"-".repeat(100)}1`, "1:70", "nested deeper", false],
    ["if 1 then ".repeat(100), "1:641", "nested deeper", false],
    [`$x = 1${"+1".repeat(2000)}`, "1:2007", "more than 1000 operators", false],
    ["x".repeat(1024 * 1024 + 1), "1:1", "longer than", false],
  ])("case %#", (text, at, words, more) => {
    expect(fault(text)).toEqual({ code: "SCRIPT_SYNTAX", message: expect.stringContaining(words), at, more });
  });
});
