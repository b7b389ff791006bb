// The interactive shell: one command a line, blocks over several, each carried out when it is complete. An error ends nothing but
// its own command; Ctrl-C ends the command that runs, or clears the line; Ctrl-D or EXIT ends the shell.

import { createInterface, type Interface } from "node:readline";
import { SmError } from "../../base/errors.js";
import type { CommandPort } from "../../script/command-port.js";
import { completeLine } from "../../script/completion.js";
import { isIncomplete, placeOf } from "../../script/fault.js";
import { ScriptInterrupted } from "../../script/interruption.js";
import { runScript, type ScriptResult } from "../../script/script-runner.js";
import { ScriptSession } from "../../script/session.js";
import { noteUnsaved } from "../script/run-text.js";
import { TextScriptView } from "../script/script-view.js";
import { isKept, type ShellHistory } from "./shell-history.js";

const PROMPT = "Command:  ";
const MORE_PROMPT = "    ...:  ";
const HISTORY_LINES_MAX = 1000;

export interface ShellOptions {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly history: ShellHistory;
  /** Its signal is set for each command. */
  readonly port: CommandPort & { signal: AbortSignal };
  /** For completion, which may be asked for while a command runs. */
  readonly catalog: CommandPort;
  /** Ends the shell, and what it is doing. */
  readonly signal: AbortSignal;
}

export class ShellLoop {
  readonly #options: ShellOptions;
  readonly #session: ScriptSession;
  readonly #view: TextScriptView;
  readonly #readline: Interface;
  /** Of the command that runs. */
  #running: AbortController | null = null;
  #text = "";
  #commandNames: readonly string[] | null = null;

  constructor(options: ShellOptions) {
    const { input, output, history, port } = options;
    this.#options = options;
    this.#session = new ScriptSession({ port });
    this.#session.stopsOnError = false;
    // On a terminal everything belongs into one stream: errors stand between what they are about.
    this.#view = new TextScriptView({ out: output, beside: output, origin: "" });
    this.#readline = createInterface({
      input,
      output,
      terminal: true,
      prompt: PROMPT,
      history: this.#readHistory(history),
      historySize: HISTORY_LINES_MAX,
      removeHistoryDuplicates: true,
      completer: (line: string, answer: (error: Error | null, result: [string[], string]) => void) => this.#complete(line, answer),
    });
    this.#readline.on("SIGINT", () => this.#interrupt());
    this.#readline.on("history", (lines: string[]) => {
      lines.splice(0, lines.length, ...lines.filter(isKept));
    });
  }

  /** Resolves with the exit code when the input ends, or EXIT is given. */
  async run(): Promise<number> {
    const { signal, history } = this.#options;
    const end = (): void => {
      this.#running?.abort();
      this.#readline.close();
    };
    signal.addEventListener("abort", end, { once: true });
    try {
      this.#prompt();
      for await (const line of this.#readline) {
        const result = await this.#take(line);
        if (result?.isExit === true) return result.exitCode;
        if (signal.aborted) break;
        this.#prompt();
      }
      return 0;
    } finally {
      signal.removeEventListener("abort", end);
      this.#writeHistory(history);
      this.#readline.close();
      noteUnsaved(this.#session, this.#view);
    }
  }

  async #take(line: string): Promise<ScriptResult | null> {
    const text = `${this.#text}${line}\n`;
    const { signal } = this.#options;
    this.#running = new AbortController();
    this.#options.port.signal = AbortSignal.any([signal, this.#running.signal]);
    this.#text = "";
    try {
      return await runScript(text, this.#session, (report) => this.#view.show(report));
    } catch (thrown) {
      if (thrown instanceof ScriptInterrupted) this.#view.note("interrupted; what the agent has begun goes on");
      else if (!(thrown instanceof SmError)) throw thrown;
      else if (isIncomplete(thrown)) this.#text = text;
      else this.#view.refuse(thrown, placeOf(thrown, { line: 1, column: 1 }));
      return null;
    } finally {
      this.#running = null;
    }
  }

  #prompt(): void {
    this.#readline.setPrompt(this.#text === "" ? PROMPT : MORE_PROMPT);
    this.#readline.prompt();
  }

  #interrupt(): void {
    if (this.#running !== null) {
      this.#running.abort();
      return;
    }
    const isIdle = this.#readline.line === "" && this.#text === "";
    this.#text = "";
    this.#options.output.write("\n");
    if (isIdle) this.#view.note("EXIT, or Ctrl-D, ends the shell");
    // Ctrl-E, Ctrl-U: the line is given up.
    this.#readline.write(null, { ctrl: true, name: "e" });
    this.#readline.write(null, { ctrl: true, name: "u" });
    this.#prompt();
  }

  #complete(line: string, answer: (error: Error | null, result: [string[], string]) => void): void {
    this.#names().then(
      (commandNames) => {
        const { words, fragment } = completeLine(line, { variables: this.#session.variables, commandNames });
        answer(null, [words.map((word) => `${word} `), fragment]);
      },
      (error: Error) => answer(error, [[], line]),
    );
  }

  /** Without an agent only what the language itself knows is completed. */
  async #names(): Promise<readonly string[]> {
    if (this.#commandNames !== null) return this.#commandNames;
    try {
      const { commands } = await this.#options.catalog.call("command.list", {}, { deadlineMs: 2_000 });
      this.#commandNames = commands.map(({ name }) => name);
      return this.#commandNames;
    } catch (error) {
      if (error instanceof SmError) return [];
      throw error;
    }
  }

  #readHistory(history: ShellHistory): string[] {
    try {
      return history.read();
    } catch (error) {
      this.#view.note(`earlier lines cannot be read: ${(error as Error).message}`);
      return [];
    }
  }

  #writeHistory(history: ShellHistory): void {
    try {
      history.write((this.#readline as Interface & { readonly history: string[] }).history);
    } catch (error) {
      this.#view.note(`the lines of this session are not kept: ${(error as Error).message}`);
    }
  }
}
