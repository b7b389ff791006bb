// What every part of the program logs through. The composition root supplies the
// real one (winston); a part under test supplies its own.

export type LogLevel = "error" | "warn" | "info" | "debug";

export type LogFields = Readonly<Record<string, unknown>>;

/** error = a person must act; warn = handled but degraded; info = a state changed; debug = for developers. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

export const silentLog: Log = { error() {}, warn() {}, info() {}, debug() {} };

/** The same log, with fields that everything of one concern has. */
export function withFields(log: Log, common: LogFields): Log {
  const adds = (level: LogLevel) => (message: string, fields?: LogFields) => log[level](message, { ...common, ...fields });
  return { error: adds("error"), warn: adds("warn"), info: adds("info"), debug: adds("debug") };
}
