import * as Flags from "@oclif/core/flags";
import { SmError, toSmError } from "../../base/errors.js";
import { delay } from "../../base/wait.js";
import { LOG_LEVELS, type LogEntry, type LogPage } from "../../model/log-entry.js";
import type { AgentApi } from "../agent-api.js";
import { formatLogEntry, formatLogPage } from "../format/log-text.js";
import { Interrupts } from "../interrupts.js";
import { parseMoment } from "../parse/moment-flag.js";
import { SmCommand } from "../sm-command.js";

const POLL_MS = 25_000;
const AGAIN_MS = 1000;
/** At most so many lines of one moment are shown. */
const FOLLOW_LIMIT = 1000;

interface Asked {
  readonly level?: LogEntry["level"];
  readonly connection?: number;
  readonly event?: number;
  readonly since?: string;
}

export default class Log extends SmCommand {
  static override description =
    "Show the newest lines of the agent's log, or follow it. Numbers are those of docs/logs.md. Without an agent the log directory is read.";
  static override examples = ["sm log", "sm log --follow --level warn", "sm log --connection 1 --since 2h", "sm log --event 93 --limit 5 --json"];
  static override flags = {
    follow: Flags.boolean({ char: "f", description: "go on with what is logged from now on, until Ctrl-C; with --json one line each" }),
    level: Flags.string({ description: "of this severity at least", options: [...LOG_LEVELS] }),
    connection: Flags.integer({ description: "of this connection", min: 1 }),
    event: Flags.integer({ description: "with this number, in the dtlog or in the system's log", min: 1, max: 999_999 }),
    since: Flags.string({ description: "not older than this: a time, or so long ago (15m, 2h, 3d)", helpValue: "T" }),
    limit: Flags.integer({ description: "at most so many lines (default: 50)", min: 1, max: 10_000, default: 50 }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(Log);
    const asked: Asked = {
      ...(flags.level === undefined ? {} : { level: flags.level as LogEntry["level"] }),
      ...(flags.connection === undefined ? {} : { connection: flags.connection }),
      ...(flags.event === undefined ? {} : { event: flags.event }),
      ...(flags.since === undefined ? {} : { since: parseMoment("--since", flags.since, Date.now()) }),
    };
    const api = this.api(flags);
    const first = await this.#read(api, asked, flags.limit, this.directories(flags).logDir);
    if (first.isCut && flags.since !== undefined) this.note(`there is more: these are the newest ${first.entries.length} (--limit)`);
    if (!flags.follow) return this.show(first, flags, formatLogPage);
    this.#print(first.entries, flags.json);
    const interrupts = Interrupts.listen();
    try {
      await this.#follow(api, asked, first.cursor, { isJson: flags.json === true, signal: interrupts.first });
    } finally {
      interrupts.close();
    }
  }

  async #read(api: AgentApi, asked: Asked, limit: number, logDir: string): Promise<LogPage> {
    try {
      return await api.call("log.read", { ...asked, limit });
    } catch (error) {
      if (!(error instanceof SmError) || error.code !== "AGENT_UNREACHABLE") throw error;
      const { readLog } = await import("../../observe/log-reader.js");
      const { since, ...query } = asked;
      const page = await readLog(logDir, { ...query, sinceMs: since === undefined ? undefined : Date.parse(since), limit });
      if (page.cursor === 0) throw new SmError("AGENT_UNREACHABLE", `${error.message}, and there is no log in ${logDir}`);
      this.note(`${error.message}: this is the log in ${logDir}`);
      return page;
    }
  }

  /** An agent that is away is waited for: it may be started again. */
  async #follow(api: AgentApi, asked: Asked, cursor: number, { isJson, signal }: { readonly isJson: boolean; readonly signal: AbortSignal }): Promise<void> {
    let after = cursor;
    let isAway = false;
    const { since: _, ...query } = asked;
    while (!signal.aborted) {
      try {
        const page = await api.call("log.wait", { ...query, after, limit: FOLLOW_LIMIT, timeoutMs: POLL_MS }, { signal });
        if (isAway) this.note("the agent answers again");
        isAway = false;
        if (page.isCut) this.note("more was logged at once than is shown");
        this.#print(page.entries, isJson);
        after = page.cursor;
      } catch (error) {
        const failure = toSmError(error);
        if (signal.aborted) return;
        if (failure.code !== "AGENT_UNREACHABLE") throw failure;
        if (!isAway) this.note(`${failure.message}: waiting for it`);
        isAway = true;
        await delay(AGAIN_MS, signal);
      }
    }
  }

  #print(entries: readonly LogEntry[], isJson: boolean | undefined): void {
    for (const entry of entries) this.show(entry, { json: isJson }, formatLogEntry);
  }
}
