// Verification and orphans. Their value is the number of the job, which WAITONJOB takes.

import { isJobOver } from "../../model/job.js";
import type { ArgumentReader, Operand } from "../argument-reader.js";
import type { ScriptSession } from "../session.js";
import { integerValue } from "../value.js";
import { done, type Verb } from "../verb.js";

const verify: Verb = {
  words: ["VERify"],
  form: "<connection> [CHECKSUM [ALL]] [SYNC [NEWER]]",
  summary: "Starts a verification: is the target as the source is? SYNC repairs what is not. Its value is the number of the job.",
  parse(reader) {
    const connection = reader.connection();
    const content = reader.has("CHECKSUM") ? (reader.has("ALL") ? "all" : "flagged") : "times";
    const repair = reader.has("SYNC") ? (reader.has("NEWER") ? "newer" : "all") : "no";
    return async (session) => {
      session.requireSource();
      const { job } = await session.port.call("verify.start", { id: connection(session), content, repair });
      return { value: integerValue(job.id), answer: { job } };
    };
  },
};

interface OrphanChoice {
  action: "report" | "delete" | "move";
  to: Operand<string> | null;
  olderThan: Operand<number> | null;
  includesExcluded: boolean;
  isConfirmed: boolean;
  isDryRun: boolean;
}

function parseOrphans(reader: ArgumentReader): OrphanChoice {
  const choice: OrphanChoice = { action: "report", to: null, olderThan: null, includesExcluded: false, isConfirmed: false, isDryRun: false };
  while (!reader.isDone) {
    const flag = reader.need("DELETE", "MOVE", "OLDER", "EXCLUDED", "CONFIRM", "DRYRUN");
    if ((flag === "DELETE" || flag === "MOVE") && choice.action !== "report") reader.fail("DELETE or MOVE is given twice");
    if (flag === "DELETE") choice.action = "delete";
    if (flag === "MOVE") {
      choice.action = "move";
      choice.to = reader.text("a directory of the target");
    }
    if (flag === "OLDER") choice.olderThan = reader.duration("OLDER");
    if (flag === "EXCLUDED") choice.includesExcluded = true;
    if (flag === "CONFIRM") choice.isConfirmed = true;
    if (flag === "DRYRUN") choice.isDryRun = true;
  }
  return choice;
}

const startOrphans: Verb = {
  words: ["ORPHans", "START"],
  form: '<connection> [DELETE | MOVE "<dir>"] [OLDER <n> [units]] [EXCLUDED] [CONFIRM] [DRYRUN]',
  summary: "Reports, deletes or moves what the target has and the source has not. CONFIRM: even if that is much. Its value is the number of the job.",
  parse(reader) {
    const connection = reader.connection();
    const { to, olderThan, ...choice } = parseOrphans(reader);
    return async (session) => {
      session.requireSource();
      const input = { id: connection(session), ...choice, to: to?.(session) ?? null, olderThanMs: olderThan?.(session) ?? null };
      const { job } = await session.port.call("orphans.start", input);
      return { value: integerValue(job.id), answer: { job } };
    };
  },
};

/** Ends the jobs of one kind that a connection has running. A round of a scrub is nobody's job, and ends with the scrub. */
async function stopJobs(session: ScriptSession, id: number, kind: "verify" | "orphans"): Promise<unknown[]> {
  session.requireSource();
  await session.port.call("connection.show", { id });
  const { jobs } = await session.port.call("job.list", { id });
  const answers: unknown[] = [];
  for (const job of jobs) {
    const isMeant = job.kind === kind && job.startedBy !== "scrub" && !isJobOver(job);
    if (isMeant) answers.push(await session.port.call("job.stop", { job: job.id }));
  }
  return answers;
}

const stopOrphans: Verb = {
  words: ["ORPHans", "STOP"],
  form: "<connection>",
  summary: "Ends the orphan job of a connection.",
  parse(reader) {
    const connection = reader.connection();
    return async (session) => done([], { stopped: await stopJobs(session, connection(session), "orphans") });
  },
};

const stopVerify: Verb = {
  words: ["VERify", "STOP"],
  form: "<connection>",
  summary: "Ends the verification of a connection.",
  parse(reader) {
    const connection = reader.connection();
    return async (session) => done([], { stopped: await stopJobs(session, connection(session), "verify") });
  },
};

export const JOB_VERBS: readonly Verb[] = [verify, stopVerify, startOrphans, stopOrphans];
