// `sm run` and `sm shell` as people and other programs use them.

import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect } from "vitest";
import { ShellHistory } from "../../src/cli/shell/shell-history.js";
import { ShellLoop } from "../../src/cli/shell/shell-loop.js";
import { eventually } from "../support/eventually.js";
import { withMemoryAgent } from "../support/memory-agent-home.js";
import { ScriptKit } from "../support/script-kit.js";
import { sm, startSm } from "../support/sm-program.js";

const test = withMemoryAgent;

test("a file is run; results on standard output, notes beside it", async ({ home, server }) => {
  expect(server).toBeDefined();
  const file = join(home, "a.sm");
  writeFileSync(file, 'login localhost admin "x"\nsource localhost\nrepset create a\nwrite "yes"\n');
  expect(await sm(["run", file], { home })).toEqual({
    code: 0,
    stdout: "  User access level set to DT_FULL_ACCESS\nyes\n",
    stderr: expect.stringMatching(/^note: the name and the password are not used: .*\nnote: not saved, and lost now: a; REPSET SAVE .*\n$/),
  });
});

test("--on-error continue and --json: one line for each statement, with its value", async ({ home, server }) => {
  expect(server).toBeDefined();
  const { code, stdout, stderr } = await sm(["run", "-", "--on-error", "continue", "--json"], {
    home,
    stdin: "nonsense\n$v = version\nwrite $v\ncall peer.list",
  });
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect({ code, stderr }).toEqual({ code: 5, stderr: "" });
  expect(lines).toMatchObject([
    { line: 1, column: 1, command: "nonsense", value: -102, error: { code: "SCRIPT_SYNTAX", hint: expect.any(String) } },
    { line: 2, column: 6, command: "VERSION", value: 1, lines: ["sm 0.1.0, agent alpha"] },
    { line: 3, column: 1, command: "WRITE", value: 1, lines: ["1"] },
    { line: 4, column: 1, command: "CALL", value: 1, answer: { peers: [] } },
  ]);
});

test("what is wrong with the whole: bytes, agent", async ({ home }) => {
  const file = join(home, "latin1");
  writeFileSync(file, Buffer.from([0x77, 0xff]));
  expect(await sm(["run", file], { home })).toMatchObject({ code: 2, stderr: expect.stringContaining("is no text in UTF-8") });
  expect(await sm(["run", "-"], { home, stdin: "source localhost" })).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("error -103 AGENT_UNREACHABLE"),
  });
});

test("--timeout ends a script with 6, Ctrl-C with 130", async ({ home }) => {
  const late = sm(["run", "-", "--timeout", "0.3"], { home, stdin: "write 1\nwhile 1 do end\nwrite 2" });
  const running = startSm(["run", "-"], { home, stdin: "write 1\nwait 1 hours\nwrite 2" });
  await eventually(() => expect(running.stdout()).toBe("1\n"));
  running.process.kill("SIGINT");
  expect(await running.result).toMatchObject({ code: 130, stdout: "1\n", stderr: expect.stringContaining("interrupted") });
  expect(await late).toMatchObject({ code: 6, stdout: "1\n", stderr: expect.stringContaining("its 0.3 s are over") });
});

test("a shell without a terminal is `sm run -`; an unknown command prints its code, its place and a remedy", async ({ home }) => {
  const { code, stdout, stderr } = await sm(["shell"], { home, stdin: "write 1\n  repste list\n" });
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^standard input, line 2, column 3: error -102 SCRIPT_SYNTAX: there is no command "repste": did you mean REPSET\?.*\nhint: .*HELP/);
});

class Typist {
  readonly port = new ScriptKit().port;
  readonly #input = new PassThrough();
  readonly #output = new PassThrough();
  readonly ended: Promise<number>;
  shown = "";

  constructor(history: ShellHistory, signal = new AbortController().signal) {
    this.#output.on("data", (chunk) => {
      this.shown += chunk;
    });
    const catalog = new ScriptKit().port;
    this.ended = new ShellLoop({ input: this.#input, output: this.#output, history, port: this.port, catalog, signal }).run();
  }

  /** Key by key: what comes in one piece is pasted, and not completed. */
  async type(keys: string): Promise<void> {
    for (const key of keys) {
      this.#input.write(key);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async sees(text: string): Promise<void> {
    await eventually(() => expect(this.shown).toContain(text));
  }
}

test("the shell: prompt, completion, blocks over lines, errors that end nothing, Ctrl-C, Ctrl-D, history", async ({ home }) => {
  const path = join(home, "state", "shell-history");
  const typist = new Typist(new ShellHistory(path));
  await typist.sees("Command:  ");
  await typist.type("sour\tlocalhost\r");
  await eventually(() => expect(typist.port.calls).toContainEqual(["status", {}]));
  await typist.type("if 1 then\r");
  await typist.sees("    ...:  ");
  await typist.type('write "in the block"\rend\r');
  await typist.sees("\nin the block\n");
  await typist.type("call peer.l\t");
  await typist.sees("peer.list ");
  await typist.type("\r");
  await typist.sees('"peers": []');
  await typist.type("nonsense\r");
  await typist.sees("line 1, column 1: error -102 SCRIPT_SYNTAX");
  await typist.type("while 1 do end\r");
  await new Promise((resolve) => setTimeout(resolve, 20));
  await typist.type("\x03");
  await typist.sees("note: interrupted");
  await typist.type("half a line\x03");
  await typist.type('logon localhost admin "secret"\r');
  await typist.sees("DT_FULL_ACCESS");
  await typist.type("repset create draft\rrepset list\r");
  await typist.sees("not saved");
  await typist.type("\x04");
  expect(await typist.ended).toBe(0);
  expect(typist.shown).toContain("not saved, and lost now: draft");
  expect(readFileSync(path, "utf8")).toBe(
    [
      "SOURCE localhost",
      "if 1 then",
      'write "in the block"',
      "end",
      "call peer.list ",
      "nonsense",
      "while 1 do end",
      "repset create draft",
      "repset list",
      "",
    ].join("\n"),
  );
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("the shell ends with EXIT, and when it is told to", async ({ home }) => {
  const first = new Typist(new ShellHistory(join(home, "history")));
  await first.type("exit 4\r");
  expect(await first.ended).toBe(4);
  const stop = new AbortController();
  const second = new Typist(new ShellHistory(join(home, "history")), stop.signal);
  await second.type("wait 1 hours\r");
  stop.abort();
  expect(await second.ended).toBe(0);
});

test("a history that others could read is closed, and keeps no passwords and tokens", ({ home }) => {
  const path = join(home, "history");
  writeFileSync(path, "one\ntwo\n", { mode: 0o644 });
  chmodSync(path, 0o644);
  const history = new ShellHistory(path);
  expect(history.read()).toEqual(["two", "one"]);
  history.write(["login a b c", "three", "CALL peer.bootstrap.import token = x", "two", " ", "one"]);
  expect(readFileSync(path, "utf8")).toBe("one\ntwo\nthree\n");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(existsSync(`${path}.${process.pid}`)).toBe(false);
});
