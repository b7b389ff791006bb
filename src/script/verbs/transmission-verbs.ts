// When and how fast the connections to a target send, and whether this server, as a target, applies. What is said of a machine is
// said of every connection to it.

import { SmError } from "../../base/errors.js";
import type { ScheduleChange } from "../../model/transmission.js";
import type { ArgumentReader, Operand } from "../argument-reader.js";
import { connectionsTo, forEachOf } from "../connections.js";
import { isThisMachine, selectedTarget } from "../machines.js";
import type { ScriptSession } from "../session.js";
import { dateFrom, timeFrom, valueText } from "../value.js";
import { done, type Outcome, type Verb } from "../verb.js";

const BYTES_MAX = Number.MAX_SAFE_INTEGER;
const SECONDS_MAX = 366 * 86_400;

async function forConnectionsTo(
  session: ScriptSession,
  machine: Operand<string>,
  act: (id: number) => Promise<{ readonly transmission: unknown }>,
): Promise<Outcome> {
  const connections = await connectionsTo(session, machine);
  const answers = await forEachOf(
    connections,
    ({ id }) => id,
    ({ id }) => act(id),
  );
  return done([], { transmissions: answers });
}

const limit: Verb = {
  words: ["LIMIT", "BANDwidth"],
  form: "<bytes>, <seconds> TO <target>  |  OFF TO <target>",
  summary: "Limits what each connection to a target sends: so many bytes in so many seconds, kept as bytes per second.",
  parse(reader) {
    if (reader.has("OFF")) {
      reader.need("TO");
      const machine = reader.text("a machine");
      return (session) => forConnectionsTo(session, machine, (id) => session.port.call("transmission.unlimit", { id }));
    }
    const bytes = reader.integer("the bytes", { min: 1, max: BYTES_MAX });
    reader.needSymbol(",");
    const seconds = reader.integer("the seconds", { min: 1, max: SECONDS_MAX });
    reader.need("TO");
    const machine = reader.text("a machine");
    return (session) => {
      const rate = { bytesPerSecond: Math.floor(bytes(session) / seconds(session)) };
      return forConnectionsTo(session, machine, (id) => session.port.call("transmission.limit", { id, rate }));
    };
  },
};

type ChangeOperand = Operand<ScheduleChange | null>;
type ChangeOperands = { -readonly [Key in keyof ScheduleChange]?: Operand<ScheduleChange[Key]> };

/** `mm/dd/yy hh:mm`, local time, as the agent reads it. */
function parseStartTime(reader: ArgumentReader): Operand<string> {
  const [date, time] = [reader.text("a date such as 12/31/26"), reader.text("a time such as 22:00")];
  return (session) => {
    const [day, moment] = [dateFrom(date(session)), timeFrom(time(session))];
    if (day?.type !== "date" || moment?.type !== "time") {
      throw new SmError("SCRIPT_VALUE", `${JSON.stringify(`${date(session)} ${time(session)}`)} is no start: write 12/31/26 22:00`);
    }
    const digits = String(day.day).padStart(8, "0");
    return `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)} ${valueText(moment)}`;
  };
}

function parseStart(reader: ArgumentReader): ChangeOperand {
  const change: ChangeOperands = {};
  if (reader.isDone) reader.fail("here must be STARTTIME, MEMLIMIT or QUEUESIZE");
  while (!reader.isDone) {
    const flag = reader.need("STARTTIME", "MEMLIMIT", "QUEUESIZE", "EVERY");
    if (flag === "EVERY") {
      reader.hasSymbol("=");
      if (change.startAt === undefined) reader.fail("EVERY counts from a STARTTIME: give that first");
      change.everyMs = reader.duration("EVERY");
      continue;
    }
    reader.needSymbol("=");
    if (flag === "STARTTIME") change.startAt = parseStartTime(reader);
    if (flag === "MEMLIMIT") change.queuePercent = reader.integer("MEMLIMIT, in percent,", { min: 1, max: 100 });
    if (flag === "QUEUESIZE") change.queueBytes = reader.integer("QUEUESIZE, in bytes,", { min: 1, max: BYTES_MAX });
  }
  // A new start without EVERY happens once: an interval of before would go on from it.
  if (change.startAt !== undefined && change.everyMs === undefined) change.everyMs = () => null;
  return (session) => resolveChange(session, change);
}

function parseStop(reader: ArgumentReader): ChangeOperand {
  const change: ChangeOperands = {};
  if (reader.isDone) reader.fail("here must be TIMELIMIT or BYTES");
  while (!reader.isDone) {
    const flag = reader.need("TIMELIMIT", "BYTES");
    reader.needSymbol("=");
    if (flag === "TIMELIMIT") change.stopAfterMs = reader.duration("TIMELIMIT");
    else change.stopAfterBytes = reader.integer("BYTES", { min: 1, max: BYTES_MAX });
  }
  return (session) => resolveChange(session, change);
}

function resolveChange(session: ScriptSession, change: Readonly<Record<string, Operand<unknown>>>): ScheduleChange {
  return Object.fromEntries(Object.entries(change).map(([key, operand]) => [key, operand(session)])) as ScheduleChange;
}

function parseWindow(reader: ArgumentReader): ChangeOperand {
  const open = reader.text("a time such as 21:00");
  reader.need("TO");
  const close = reader.text("a time such as 04:00");
  const clock = (session: ScriptSession, text: Operand<string>): string => {
    const time = timeFrom(text(session));
    if (time?.type !== "time" || time.seconds % 60 !== 0) throw new SmError("SCRIPT_VALUE", `${JSON.stringify(text(session))} is no time of day: write 21:00`);
    return valueText(time).slice(0, 5);
  };
  return (session) => ({ window: { open: clock(session, open), close: clock(session, close) } });
}

const schedule: Verb = {
  words: ["SCHEDule"],
  form:
    "<target> START [STARTTIME = <mm/dd/yy> <hh:mm> [EVERY <n> <units>]] [MEMLIMIT = <percent>] [QUEUESIZE = <bytes>]" +
    "  |  <target> STOP [TIMELIMIT = <n> <units>] [BYTES = <n>]  |  <target> WINDOW <hh:mm> TO <hh:mm>  |  <target> CLEAR|ENABLE|DISABLE",
  summary: "Says when the connections to a target begin and end to send. What is not named stays; CLEAR takes all away.",
  parse(reader) {
    const machine = reader.text("a machine");
    const word = reader.need("START", "STOP", "WINDOW", "CLEAR", "ENABLE", "DISABLE");
    const readers: Readonly<Record<typeof word, () => ChangeOperand>> = {
      START: () => parseStart(reader),
      STOP: () => parseStop(reader),
      WINDOW: () => parseWindow(reader),
      CLEAR: () => () => null,
      ENABLE: () => () => ({ enabled: true }),
      DISABLE: () => () => ({ enabled: false }),
    };
    const change = readers[word]();
    return (session) => {
      const input = change(session);
      return forConnectionsTo(session, machine, (id) => session.port.call("transmission.schedule", { id, change: input }));
    };
  },
};

function transmission(word: "start" | "stop" | "pause" | "resume", summary: string): Verb {
  return {
    words: ["TRANSmission", word.toUpperCase()],
    form: "[<target>]",
    summary,
    parse(reader) {
      const machine = reader.isDone ? selectedTarget : reader.text("a machine");
      return (session) => forConnectionsTo(session, machine, (id) => session.port.call(`transmission.${word}`, { id }));
    },
  };
}

function applying(word: "pause" | "resume", summary: string): Verb {
  return {
    words: [word.toUpperCase(), "TARGET"],
    form: "[<machine>]",
    summary,
    parse(reader) {
      const machine = reader.isDone ? null : reader.text("a machine");
      return async (session) => {
        const name = machine?.(session) ?? session.target;
        if (name !== null && !(await isThisMachine(session, name))) {
          throw new SmError("SCRIPT_TARGET", `what ${name} applies is decided there: run the script, or \`sm target ${word}\`, on ${name}`);
        }
        return done([], await session.port.call(`target.${word}`, {}));
      };
    },
  };
}

export const TRANSMISSION_VERBS: readonly Verb[] = [
  limit,
  schedule,
  transmission("start", "The connections to a target, or to the one selected, send again."),
  transmission("stop", "The connections to a target, or to the one selected, end their link. Changes are queued."),
  transmission("pause", "The connections to a target, or to the one selected, send nothing. Changes are queued."),
  transmission("resume", "The connections to a target, or to the one selected, send what was paused."),
  applying("pause", "This server, as a target, applies nothing. Its sources queue."),
  applying("resume", "This server, as a target, applies again."),
];
