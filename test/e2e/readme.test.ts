// The two servers of README.md, word for word: its commands are taken from it and given to a shell, on two machines as far as one can be
// two, each with a network, a home and a /srv of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { type NamespaceEnd, NetworkPair, runInNamespace } from "../support/network-namespace.js";
import { type CommandResult, runCommand } from "../support/run-command.js";
import { ROOT, SM } from "../support/sm-program.js";
import { makeTempDirectory, plantTree } from "../support/temp-tree.js";

type ServerName = "source" | "target";

interface Line {
  readonly server: ServerName;
  /** Without what the page says behind it. */
  readonly command: string;
  /** How what it prints begins, where the page shows it; "" = it does not. */
  readonly shown: string;
}

/** The address that the target has in the README, and one beside it. */
const ADDRESSES = { source: "10.0.0.1", target: "10.0.0.2" } as const;
const SECTION = /^## Two servers\n([\s\S]*?)^## /m;

function readmeLines(): Line[] {
  const section = SECTION.exec(readFileSync(join(ROOT, "README.md"), "utf8"))?.[1] ?? "";
  return [...section.matchAll(/^(source|target)# (.*?)(?: {2,}.*)?$(?:\n(.*) …$)?/gm)].map(([, server, command, shown]) => ({
    server: server as ServerName,
    command: command ?? "",
    shown: shown ?? "",
  }));
}

/** One of the two: whatever runs there finds the program by its name, and the same directory to stand in. */
class Server {
  readonly #end: NamespaceEnd;
  readonly #directory: string;
  readonly srv: string;

  constructor(end: NamespaceEnd, name: ServerName, directory: string) {
    this.#end = end;
    this.#directory = directory;
    this.srv = join(directory, name, "srv");
    this.#environment = { ...process.env, SM_HOME: join(directory, name), PATH: `${join(directory, "bin")}:${process.env.PATH}` };
    mkdirSync(this.srv, { recursive: true });
    runInNamespace(end, ["ip", "address", "add", `${ADDRESSES[name]}/24`, "dev", "cable"]);
  }

  readonly #environment: NodeJS.ProcessEnv;

  #words(command: string): readonly string[] {
    return [...this.#end.prefix, "sh", "-c", 'mount --bind "$0" /srv && exec bash -c "$1"', this.srv, command];
  }

  run(command: string): Promise<CommandResult> {
    return runCommand(this.#words(command), { environment: this.#environment, cwd: this.#directory, timeoutMs: 120_000 });
  }

  /** What runs until it is told to end. */
  start(command: string): ChildProcess {
    const [program = "", ...words] = this.#words(`exec ${command}`);
    const child = spawn(program, words, { env: this.#environment, cwd: this.#directory, stdio: ["ignore", "pipe", "ignore"] });
    const ended = new Promise((resolve) => child.once("close", resolve));
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await ended;
    });
    child.stdout?.resume();
    return child;
  }
}

test.runIf(process.geteuid?.() === 0 && existsSync("/srv"))("the commands of the README do what it says", async () => {
  const directory = makeTempDirectory();
  mkdirSync(join(directory, "bin"));
  symlinkSync(SM, join(directory, "bin", "sm"));
  const pair = NetworkPair.open();
  const servers = { source: new Server(pair.a, "source", directory), target: new Server(pair.b, "target", directory) };
  plantTree(join(servers.source.srv, "www"), { x: "page", "img/a": "picture", "left.tmp": "not this" });

  const lines = readmeLines();
  expect(lines.length).toBeGreaterThan(20);
  expect(lines.filter(({ shown }) => shown !== "")).toHaveLength(1);
  // The page ends its first tour with it; what comes behind needs the connection.
  const last = lines.find(({ command }) => command === "sm disconnect 1");
  const tour = [...lines.filter((line) => line !== last), ...(last === undefined ? [] : [last])];
  for (const line of tour) await take(line, servers);

  const { source, target } = servers;
  expect(readdirSync(join(target.srv, "www"))).not.toContain("left.tmp");
  rmSync(join(source.srv, "www", "left.tmp"));
  const www = [source, target].map(({ srv }) => join(srv, "www"));
  expect(await runCommand(["diff", "-r", ...www])).toMatchObject({ code: 0, stdout: "" });
});

async function take({ server: name, command, shown }: Line, servers: Readonly<Record<ServerName, Server>>): Promise<void> {
  const server = servers[name];
  if (command.startsWith("sm agent run")) {
    server.start(command);
    await eventually(async () => expect((await server.run("sm agent status")).code).toBe(0));
    return;
  }
  const result = command.endsWith("--watch") ? await watchedFor(server, command) : await server.run(command);
  expect({ command, code: result.code }, `${result.stdout}${result.stderr}`).toEqual({ command, code: 0 });
  if (!command.includes(">")) expect(result.stdout, command).not.toBe("");
  expect(result.stdout.startsWith(shown), result.stdout).toBe(true);
}

/** Until Ctrl-C, which somebody presses once, when there is something to be seen. */
function watchedFor(server: Server, command: string): Promise<CommandResult> {
  // With job control: without it a shell has what runs behind it ignore Ctrl-C.
  const steps = [
    "set -m",
    `${command} > watched &`,
    "until [ -s watched ]; do sleep 0.1; done",
    "kill -INT $!",
    "wait $!",
    "code=$?",
    "cat watched",
    "exit $code",
  ];
  return server.run(steps.join("\n"));
}
