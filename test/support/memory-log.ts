import { isAsked, type LogEntry, type LogPage, type LogQuery } from "../../src/model/log-entry.js";

const entry = (seq: number, part: Partial<LogEntry>): LogEntry => ({
  seq,
  time: `2026-05-01T10:00:0${seq}.000Z`,
  level: "info",
  event: 0,
  name: null,
  system: null,
  message: `line ${seq}`,
  fields: {},
  ...part,
});

const ENTRIES: readonly LogEntry[] = [
  entry(1, { event: 69, name: "agentStarted", system: 4000, message: "Kernel started on alpha" }),
  entry(2, { event: 89, name: "mirrorStarted", system: 4019, message: "Mirror started 1", fields: { connection: 1 } }),
  entry(3, { level: "warn", message: "something \u001b[31m odd" }),
];

/** A log of three lines, as an agent answers. */
export const memoryLog = {
  read: async (query: LogQuery): Promise<LogPage> => {
    const asked = ENTRIES.filter((each) => each.seq > (query.after ?? 0) && isAsked(each, query));
    return { entries: asked.slice(-query.limit), cursor: 3, isCut: asked.length > query.limit };
  },
  wait: (query: LogQuery): Promise<LogPage> => memoryLog.read(query),
};
