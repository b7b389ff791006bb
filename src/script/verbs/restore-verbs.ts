// Data that comes back from a target's copy.

import type { ArgumentReader, Operand } from "../argument-reader.js";
import { isThisMachine, resolveTarget, THIS_MACHINE } from "../machines.js";
import type { ScriptSession } from "../session.js";
import { integerValue } from "../value.js";
import { done, type Verb } from "../verb.js";

/** The holder is asked first, and may have to be reached. */
const START_MS = 80_000;

interface Choice {
  to: Operand<string> | null;
  overwrite: "always" | "newer" | "missing";
  checksum: boolean;
  orphans: "keep" | "report" | "delete";
  bytesPerSecond: Operand<number> | null;
  readonly paths: Operand<string>[];
}

function parseChoice(reader: ArgumentReader): Choice {
  const choice: Choice = { to: null, overwrite: "always", checksum: false, orphans: "keep", bytesPerSecond: null, paths: [] };
  const given = new Set<string>();
  while (!reader.isDone) {
    const flag = reader.need("TO", "OVERWRITE", "NEWER", "MISSING", "CHECKSUM", "ORPHANS", "BANDwidth", "PATH");
    const what = flag === "NEWER" || flag === "MISSING" ? "OVERWRITE" : flag;
    if (what !== "PATH" && given.has(what)) reader.fail(`${flag} is given beside another of its kind`);
    given.add(what);
    if (flag === "TO") choice.to = reader.text("a machine");
    if (flag === "NEWER") choice.overwrite = "newer";
    if (flag === "MISSING") choice.overwrite = "missing";
    if (flag === "CHECKSUM") choice.checksum = true;
    if (flag === "ORPHANS") choice.orphans = reader.need("REPORT", "DELETE") === "REPORT" ? "report" : "delete";
    if (flag === "BANDwidth") choice.bytesPerSecond = reader.rate("the bandwidth");
    if (flag === "PATH") choice.paths.push(reader.text("a path of the source"));
  }
  return choice;
}

/** A peer, or this agent by its own name: that of the one which has the copy. */
async function holderName(session: ScriptSession, machine: string): Promise<string> {
  const name = await resolveTarget(session, machine);
  return name === THIS_MACHINE ? (await session.port.call("status", {})).agent.name : name;
}

const start: Verb = {
  words: ["RESTORE"],
  form: '<repset> FROM <target> [TO <machine>] [OVERWRITE|NEWER|MISSING] [CHECKSUM] [ORPHANS REPORT|DELETE] [BANDwidth <rate>] [PATH "<path>" …]',
  summary: "Brings data back from a target's copy, to this machine or from this one to another. Its value is the number of the job.",
  parse(reader) {
    const repset = reader.text("the name of a replication set");
    reader.need("FROM");
    const from = reader.text("a machine");
    const { to, paths, bytesPerSecond, ...choice } = parseChoice(reader);
    return async (session) => {
      session.requireSource();
      const receiver = to?.(session) ?? null;
      const isHere = receiver === null || (await isThisMachine(session, receiver));
      const input = {
        repset: repset(session),
        from: await holderName(session, from(session)),
        to: isHere ? null : await resolveTarget(session, receiver),
        ...choice,
        paths: paths.length === 0 ? null : paths.map((path) => path(session)),
        bytesPerSecond: bytesPerSecond?.(session) ?? null,
      };
      const { job } = await session.port.call("restore.start", input, { deadlineMs: START_MS });
      return { value: integerValue(job.id), answer: { job } };
    };
  },
};

const stop: Verb = {
  words: ["RESTORE", "STOP"],
  form: "<repset>",
  summary: "Ends the restores of a set; what is back stays, and its connection stays held.",
  parse(reader) {
    const repset = reader.text("the name of a replication set");
    return async (session) => {
      session.requireSource();
      return done([], await session.port.call("restore.stop", { repset: repset(session) }, { deadlineMs: START_MS }));
    };
  },
};

export const RESTORE_VERBS: readonly Verb[] = [start, stop];
