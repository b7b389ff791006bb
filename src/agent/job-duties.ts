// The jobs of this agent, and what begins them without a person: a schedule, the end of a mirror or of a verification, a scrub.

import { SmError } from "../base/errors.js";
import type { SourceConnection } from "../connection/source-connection.js";
import type { AgentControl } from "../model/control-port.js";
import type { SourceEvent } from "../model/source-messages.js";
import type { VerificationControl } from "../model/verification-control.js";
import { JobService, type JobServiceOptions } from "./job-service.js";
import { Scrubs } from "./scrubs.js";
import { VerifySchedules } from "./verify-schedules.js";

export class JobDuties {
  readonly jobs: JobService;
  readonly #schedules: VerifySchedules;
  readonly #scrubs: Scrubs;
  readonly verification: VerificationControl;

  constructor(options: JobServiceOptions) {
    const { connection, board, log } = options;
    const jobs = new JobService(options);
    const schedules = new VerifySchedules({ connection, jobs, onChange: board.changed, log });
    const scrubs = new Scrubs({ connection, jobs, onChange: board.changed, log });
    jobs.onCut = (job) => schedules.cut(job);
    this.jobs = jobs;
    this.#schedules = schedules;
    this.#scrubs = scrubs;
    const real = (id: number): number => {
      if (connection(id).record.isSimulated === true) throw new SmError("SIMULATION", `connection ${id} is a simulation: there is no target to look at`);
      return id;
    };
    this.verification = {
      showSchedule: async (id) => schedules.show(id),
      setSchedule: async (id, change) => schedules.set(real(id), change),
      showScrub: async (id) => scrubs.show(id),
      setScrub: async (id, change) => scrubs.set(real(id), change),
    };
  }

  get controls(): Pick<AgentControl, "jobs" | "verification"> {
    return { jobs: this.jobs, verification: this.verification };
  }

  takeEvent(connectionId: number, event: SourceEvent): void {
    this.jobs.takeEvent(connectionId, event);
    this.#scrubs.takeEvent(connectionId, event);
  }

  /** Called about once a second. */
  tick(connections: readonly SourceConnection[]): void {
    this.jobs.tick(connections);
    for (const connection of connections) {
      this.#sweep(connection);
      this.#schedules.look(connection);
      this.#scrubs.look(connection);
    }
  }

  replicationStopped(connection: SourceConnection): void {
    this.jobs.replicationStopped(connection.id);
    this.#scrubs.look(connection);
  }

  /** The connection is no more. */
  forget(connectionId: number): void {
    this.jobs.forget(connectionId);
    this.#schedules.forget(connectionId);
    this.#scrubs.forget(connectionId);
  }

  /** Orphans, behind a mirror or a verification that wanted it. */
  #sweep(connection: SourceConnection): void {
    const { sweep = null } = connection.record;
    if (sweep === null || this.jobs.whyNotNow(connection) !== null) return;
    const { orphans, behind } = sweep;
    const { id } = this.jobs.beginOrphans(connection, orphans, behind.kind === "mirror" ? "mirror" : "verification");
    connection.keep({ sweep: null }, true);
    if (behind.kind === "mirror") connection.mirror.sweep.started(id);
    else this.jobs.noteSweep(behind.id, id);
  }
}
