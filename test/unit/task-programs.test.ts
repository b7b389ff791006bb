// Programs that an agent runs for others: which it runs at all, with what, and how they end.

import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { programRunner } from "../../src/fs/program-run.js";
import type { ProgramRun } from "../../src/model/task.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const KEYS = { enabled: "target.tasks", directory: "target.taskDirectory" };

function plant(text = "#!/bin/sh\n"): { directory: string; program: string } {
  const directory = join(makeTempDirectory(), "programs");
  mkdirSync(directory, { mode: 0o755 });
  const program = join(directory, "program.sh");
  writeFileSync(program, text);
  chmodSync(program, 0o755);
  return { directory, program };
}

interface Options {
  readonly args?: readonly string[];
  readonly timeoutMs?: number;
  readonly isEnabled?: boolean;
  readonly signal?: AbortSignal;
  readonly writtenPlaces?: readonly string[];
}

function run(directory: string | null, path: string, options: Options = {}): Promise<ProgramRun> {
  const { args = [], timeoutMs = 60_000, isEnabled = true, signal = new AbortController().signal, writtenPlaces = [] } = options;
  const order = { program: { path, args }, phase: "execute", environment: { SM_TASK_NAME: "nightly" }, timeoutMs } as const;
  return programRunner({ isEnabled, directory, keys: KEYS, writtenPlaces: () => writtenPlaces }, { termMs: 200 })(order, signal);
}

test("arguments are words and no shell reads them; the environment is what is given; exit code and output are told", async () => {
  const { directory, program } = plant('#!/bin/sh\nprintf "%s|" "$@"; env | sort | tr "\\n" " "; umask; echo oops >&2; exit 3\n');
  process.env.SM_SECRET = "of the agent";
  const ended = await run(directory, program, { args: ["a", "$(touch /tmp/never)", "; exit 0", ""] });
  delete process.env.SM_SECRET;
  expect(ended).toMatchObject({ outcome: "exited", exitCode: 3, signal: null });
  expect(ended.output).toContain("a|$(touch /tmp/never)|; exit 0||");
  expect(ended.output).toContain("SM_TASK_NAME=nightly");
  expect(ended.output).not.toContain("SM_SECRET");
  expect(ended.output).toContain("0022\n");
  expect(ended.output).toContain("oops");
});

test("the output is bounded, to its end", async () => {
  const { directory, program } = plant("#!/bin/sh\nyes line | head -c 3000000\necho the end\n");
  const { output } = await run(directory, program);
  expect(output.length).toBeLessThanOrEqual(4000);
  expect(output.endsWith("the end\n")).toBe(true);
});

test("when its time is over it is ended, with all that it began", async () => {
  const { directory, program } = plant('#!/bin/sh\ntrap "" TERM\nsleep 1000 &\necho $! $$ > "$1"\nwait\nwait\nsleep 1000\n');
  const file = join(directory, "pids");
  const running = run(directory, program, { args: [file], timeoutMs: 300 });
  const pids = await eventually(async () => {
    const found = readFileSync(file, "utf8").trim().split(" ").map(Number);
    expect(found).toHaveLength(2);
    return found;
  });
  expect(await running).toMatchObject({ outcome: "timedOut" });
  await eventually(async () => {
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });
});

test("a stop of the agent interrupts it; a program in the background of one that ended holds up nobody", async () => {
  const { directory, program } = plant("#!/bin/sh\nsleep 1000\n");
  const stop = new AbortController();
  const running = run(directory, program, { signal: stop.signal });
  stop.abort();
  expect(await running).toMatchObject({ outcome: "interrupted", why: "the agent was stopped" });
  const holder = plant("#!/bin/sh\nsleep 30 &\necho $!\n");
  const ended = await run(holder.directory, holder.program);
  expect(ended).toMatchObject({ outcome: "exited", exitCode: 0 });
  process.kill(Number(ended.output), "SIGKILL");
});

test("nothing runs while it is off, or without a directory, and the keys are named", async () => {
  const { directory, program } = plant();
  expect(await run(directory, program, { isEnabled: false })).toMatchObject({ outcome: "refused", why: expect.stringContaining("target.tasks") });
  expect(await run(null, program)).toMatchObject({ outcome: "refused", why: expect.stringContaining("target.taskDirectory") });
  expect(await run(directory, program)).toMatchObject({ outcome: "exited", exitCode: 0 });
});

const ESCAPES: readonly (readonly [string, (directory: string, program: string) => string])[] = [
  ["a program elsewhere", () => "/bin/true"],
  ["a way out", (directory) => `${directory}/../../../bin/true`],
  ["the directory itself", (directory) => directory],
  ["a directory whose name begins the same", (directory) => `${directory}2/program.sh`],
  [
    "a symbolic link to a program",
    (directory) => {
      symlinkSync("/bin/true", join(directory, "link"));
      return join(directory, "link");
    },
  ],
  [
    "a symbolic link to a directory",
    (directory) => {
      symlinkSync("/bin", join(directory, "bin"));
      return join(directory, "bin/true");
    },
  ],
  [
    "a program that others may write",
    (_, program) => {
      chmodSync(program, 0o757);
      return program;
    },
  ],
  [
    "a program of another account",
    (_, program) => {
      chownSync(program, 1234, 0);
      return program;
    },
  ],
  [
    "a directory that others may write",
    (directory, program) => {
      chmodSync(directory, 0o777);
      return program;
    },
  ],
  [
    "a directory with the sticky bit",
    (directory, program) => {
      chmodSync(directory, 0o1777);
      return program;
    },
  ],
  [
    "a file that is no program",
    (_, program) => {
      chmodSync(program, 0o644);
      return program;
    },
  ],
  ["what is not there", (directory) => join(directory, "missing")],
];

test.runIf(process.geteuid?.() === 0).each(ESCAPES)("%s is refused", async (_name, make) => {
  const { directory, program } = plant();
  const path = make(directory, program);
  const ended = await run(directory, path);
  expect(ended.outcome).toBe("refused");
  expect(ended.why).not.toBe("");
});

/** Places in which a source could write the program, or another one beside it. */
const WRITTEN: readonly (readonly [string, (directory: string, program: string) => string])[] = [
  ["the directory of programs", (directory) => directory],
  ["what is above it", (directory) => dirname(directory)],
  ["what is to come in it", (directory) => join(directory, "sub", "deep")],
  [
    "a link to it",
    (directory) => {
      symlinkSync(directory, `${directory}-link`);
      return `${directory}-link`;
    },
  ],
  [
    "a place with another name of the program",
    (directory, program) => {
      linkSync(program, `${directory}-name`);
      return `${directory}-copy`;
    },
  ],
];

test.each(WRITTEN)("where a source writes to %s nothing runs, and what helps is said", async (_name, make) => {
  const { directory, program } = plant();
  const place = make(directory, program);
  const ended = await run(directory, program, { writtenPlaces: ["/proc/elsewhere", place] });
  expect(ended).toMatchObject({ outcome: "refused", why: expect.stringContaining(place) });
  expect(ended.why).toMatch(/target\.taskDirectory|cp /);
  expect(await run(directory, program, { writtenPlaces: ["/proc/elsewhere"] })).toMatchObject({ exitCode: 0 });
});

test.runIf(process.geteuid?.() === 0)("nothing runs that a source writes under another mount, be it made after it was mapped", async () => {
  const { directory, program } = plant();
  const place = `${directory}-mount`;
  mkdirSync(place);
  expect(await run(directory, program, { writtenPlaces: [place] })).toMatchObject({ exitCode: 0 });
  execFileSync("mount", ["--bind", directory, place]);
  try {
    expect(await run(directory, program, { writtenPlaces: [place] })).toMatchObject({ outcome: "refused" });
  } finally {
    execFileSync("umount", [place]);
  }
});
