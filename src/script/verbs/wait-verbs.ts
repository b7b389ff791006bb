// Commands that block the script until something is so. None of them says that a copy is one before it is.

import { SmError } from "../../base/errors.js";
import { delay } from "../../base/wait.js";
import { dependsOnConnection, isJobOver, type JobReport, jobLeftovers } from "../../model/job.js";
import { SIMULATION_WORDS } from "../../model/simulation.js";
import type { ConnectionReport } from "../../model/status.js";
import { StuckWatch } from "../../model/stuck-connection.js";
import { throwIfInterrupted } from "../interruption.js";
import type { ScriptSession } from "../session.js";
import { done, OUTCOME_DONE, type Verb } from "../verb.js";

/** One call to the agent waits at most so long: an interrupt is heeded by then at the latest. */
const POLL_MS = 20_000;
const LOOK_AGAIN_MS = 500;
/** How often it is looked at whether what is waited for can still come. */
const LOOK_STUCK_MS = 5_000;
/** A connection that has its link and owes a mirror begins it at once: one that is owed for so long needs a person. */
const OWED_MS = 10_000;
/** For the answer of an agent that waits as long as it was asked to. */
const GRACE_MS = 20_000;
/** A timer of more than 24 days would fire at once. */
const TIMER_MS_MAX = 86_400_000;
/** As long as the agent lets a sync wait. */
const SYNC_MS_MAX = 24 * 3_600_000;

/** Asks again until there is an answer. `look` waits at most `waitMs`. TIMEOUT when the time is over. */
async function until<T>(session: ScriptSession, timeoutMs: number | null, what: string, look: (waitMs: number) => Promise<T | undefined>): Promise<T> {
  const deadline = timeoutMs === null ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
  for (;;) {
    throwIfInterrupted(session);
    const leftMs = deadline - performance.now();
    const found = await look(Math.ceil(Math.max(0, Math.min(POLL_MS, leftMs))));
    if (found !== undefined) return found;
    if (leftMs <= 0) throw new SmError("TIMEOUT", `${what} did not come to its end within ${Math.round((timeoutMs ?? 0) / 1000)} s`);
  }
}

const wait: Verb = {
  words: ["WAIT"],
  form: "<n> [SECONDS|MINUTES|HOURS|DAYS]",
  summary: "Waits.",
  parse(reader) {
    const duration = reader.duration("the time to wait");
    return async (session) => {
      const deadline = performance.now() + duration(session);
      for (let leftMs = deadline - performance.now(); leftMs > 0; leftMs = deadline - performance.now()) {
        await delay(Math.min(leftMs, TIMER_MS_MAX), session.signal);
        throwIfInterrupted(session);
      }
      return OUTCOME_DONE;
    };
  },
};

const waitOnMirror: Verb = {
  words: ["WAITONMIRROR"],
  form: "<connection> [TIMEOUT <n> [units]]",
  summary: "Waits until the mirror of a connection is done; fails when it ends otherwise, or left something.",
  parse(reader) {
    const connection = reader.connection();
    const timeout = reader.timeout();
    return async (session) => {
      session.requireSource();
      const id = connection(session);
      const owed = new OwedMirror();
      const limitMs = timeout(session);
      const stuck = limitMs === null ? new StuckWatch(`the mirror of connection ${id}`) : null;
      const report = await until(session, limitMs, `the mirror of connection ${id}`, async (waitMs) => {
        const { connection: now } = await session.port.call("connection.show", { id });
        if (now.mirror.outcome === "running" || isMirrorOwed(now)) stuck?.look(now);
        if (now.mirror.outcome === "running") {
          owed.forget();
          await session.port.call("mirror.wait", { id, mirrorId: now.mirror.id, timeoutMs: Math.min(waitMs, LOOK_STUCK_MS) });
          return undefined;
        }
        if (!isMirrorOwed(now)) return now;
        owed.look(now);
        await delay(Math.min(waitMs, LOOK_AGAIN_MS), session.signal);
        return undefined;
      });
      return { ...done([], { connection: report }), ...(report.isSimulated ? { note: SIMULATION_WORDS } : {}) };
    };
  },
};

/** What only mirrors and is done with it stays "Mirror Required", without a reason. */
function isMirrorOwed({ targetDataState, replicationStatus, mirror, reasons }: ConnectionReport): boolean {
  if (targetDataState !== "Mirror Required" && targetDataState !== "Restore Required") return false;
  return !(replicationStatus === "Stopped" && mirror.outcome === "done" && mirror.problemCount === 0 && reasons.length === 0);
}

/** Tells a mirror that is about to begin from one that nobody begins. */
class OwedMirror {
  #sinceMs: number | null = null;

  forget(): void {
    this.#sinceMs = null;
  }

  look({ id, state, reasons, mirror }: ConnectionReport): void {
    const isStuck = state === "halted" || state === "held" || state === "streaming";
    this.#sinceMs = isStuck ? (this.#sinceMs ?? performance.now()) : null;
    if (this.#sinceMs === null) return;
    if (performance.now() - this.#sinceMs < OWED_MS) return;
    const [reason] = reasons;
    const why = reason === undefined ? `the last mirror is ${mirror.outcome ?? "none"}` : `${reason.message}; ${reason.next}`;
    throw new SmError("DONE_WITH_PROBLEMS", `connection ${id} still requires a mirror, and none runs: ${why}`);
  }
}

const waitOnJob = (word: string, what: string): Verb => ({
  words: [word],
  form: "<job> [TIMEOUT <n> [units]]",
  summary: `Waits until ${what} has ended; fails when it found, or left, something.`,
  parse(reader) {
    const number = reader.integer("the number of a job", { min: 1, max: Number.MAX_SAFE_INTEGER });
    const timeout = reader.timeout();
    return async (session) => {
      const id = number(session);
      const limitMs = timeout(session);
      const stuck = limitMs === null ? new StuckWatch(`job ${id}`) : null;
      const job = await until(session, limitMs, `job ${id}`, (timeoutMs) => endedJob(session, id, Math.min(timeoutMs, LOOK_STUCK_MS), stuck));
      requireCleanEnd(job);
      const doubt = job.kind === "restore" ? job.restore.doubt : null;
      return { ...done([], { job }), ...(doubt === null ? {} : { note: `the copy that job ${id} restored from may lack something: ${doubt}` }) };
    };
  },
});

async function endedJob(session: ScriptSession, id: number, timeoutMs: number, stuck: StuckWatch | null): Promise<JobReport | undefined> {
  const { job } = await session.port.call("job.wait", { job: id, timeoutMs });
  if (isJobOver(job)) return job;
  if (stuck !== null && dependsOnConnection(job)) stuck.look((await session.port.call("connection.show", { id: job.connectionId })).connection);
  return undefined;
}

function requireCleanEnd(job: JobReport): void {
  const left = job.kind === "restore" ? job.restore.counts.problems : jobLeftovers(job);
  if (job.status === "Done" && left === 0) return;
  const why = job.status === "Done" ? `${left} paths are not as they should be` : (job.message ?? "it did not come to its end");
  throw new SmError("DONE_WITH_PROBLEMS", `job ${job.id} (${job.kind}) is ${job.status}: ${why}`);
}

const waitOnQueue: Verb = {
  words: ["WAITONQUEUE"],
  form: "<connection> [TIMEOUT <n> [units]]",
  summary: "Waits until all that is on the source is on the target.",
  parse(reader) {
    const connection = reader.connection();
    const timeout = reader.timeout();
    return async (session) => {
      session.requireSource();
      // In one call: asked anew, the agent would count from later changes on.
      const limitMs = timeout(session);
      const timeoutMs = Math.min(limitMs ?? SYNC_MS_MAX, SYNC_MS_MAX);
      const endsWhenStuck = limitMs === null;
      const answer = await session.port.call(
        "connection.sync",
        { id: connection(session), timeoutMs, ...(endsWhenStuck ? { endsWhenStuck } : {}) },
        { deadlineMs: timeoutMs + GRACE_MS },
      );
      return done([], answer);
    };
  },
};

export const WAIT_VERBS: readonly Verb[] = [
  wait,
  waitOnMirror,
  waitOnJob("WAITONJOB", "a job"),
  waitOnJob("WAITONRESTORE", "a restore, by the number of its job,"),
  waitOnQueue,
];
