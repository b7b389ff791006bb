// The agent's log: winston, to rotated files and to standard error.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createLogger, format, transports } from "winston";
import type { Log, LogFields, LogLevel } from "../base/log.js";

export interface AgentLogOptions {
  readonly directory: string;
  readonly level: LogLevel;
  readonly format: "text" | "json";
  readonly maxFileBytes: number;
  readonly maxFiles: number;
}

const textLine = format.printf(({ timestamp, level, message, ...fields }) => {
  const rest = Object.keys(fields).length === 0 ? "" : ` ${JSON.stringify(fields)}`;
  return `${String(timestamp)} ${level.toUpperCase().padEnd(5)} ${String(message)}${rest}`;
});

export class AgentLog implements Log {
  readonly #logger: ReturnType<typeof createLogger>;

  private constructor(logger: ReturnType<typeof createLogger>) {
    this.#logger = logger;
  }

  static open(options: AgentLogOptions): AgentLog {
    mkdirSync(options.directory, { recursive: true, mode: 0o750 });
    const line = options.format === "json" ? format.json() : textLine;
    const logger = createLogger({
      level: options.level,
      format: format.combine(format.timestamp(), line),
      transports: [
        // The agent has no umask: without a mode everybody might write it.
        new transports.File({
          filename: join(options.directory, "sm.log"),
          maxsize: options.maxFileBytes,
          maxFiles: options.maxFiles,
          tailable: true,
          options: { flags: "a", mode: 0o640 },
        }),
        new transports.Console({ stderrLevels: ["error", "warn", "info", "debug"], level: options.level }),
      ],
    });
    return new AgentLog(logger);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#logger.error(message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#logger.warn(message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#logger.info(message, fields);
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#logger.debug(message, fields);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#logger.once("finish", () => resolve());
      this.#logger.end();
    });
  }
}
