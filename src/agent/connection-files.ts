// Makes the connections what the files of connections.d describe, by what the commands do: one after the other, and one that
// fails does not stop those behind it.

import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { ReadFiles } from "../config/check-files.js";
import type { SourceConnection } from "../connection/source-connection.js";
import type { ConnectionOutcome } from "../model/config-control.js";
import type { ConnectionDescription } from "../model/connection-description.js";
import type { ReplicationControl } from "../model/control-port.js";
import { DEFAULT_TRANSMISSION } from "../model/transmission.js";
import type { VerificationControl } from "../model/verification-control.js";
import { type ConnectionChange, type ConnectionStep, type HooksOf, planConnections } from "./connection-plan.js";
import type { SourceService } from "./source-service.js";

export interface ConnectionFilesOptions {
  readonly source: Pick<SourceService, "records" | "connections" | "connection" | "make" | "disconnect" | "setOptions" | "setGuard">;
  readonly replication: ReplicationControl;
  readonly verification: VerificationControl;
  readonly log: Log;
}

type Described = Pick<ReadFiles, "connections" | "connectionFiles">;

export class ConnectionFiles {
  readonly #options: ConnectionFilesOptions;
  #isClosed = false;

  constructor(options: ConnectionFilesOptions) {
    this.#options = options;
  }

  plan({ connections, connectionFiles }: Described, isConfirmed: boolean): readonly ConnectionStep[] {
    const { source } = this.#options;
    return planConnections({ descriptions: connections, files: connectionFiles, records: source.records, hooksOf: hooksIn(source), isConfirmed });
  }

  preview(steps: readonly ConnectionStep[]): readonly ConnectionOutcome[] {
    return steps.map(wouldBe);
  }

  async carryOut(steps: readonly ConnectionStep[]): Promise<readonly ConnectionOutcome[]> {
    const outcomes: ConnectionOutcome[] = [];
    for (const step of steps) if (!this.#isClosed) outcomes.push(await this.#carryOut(step));
    return outcomes;
  }

  /** What is not begun stays as it is. */
  close(): void {
    this.#isClosed = true;
  }

  async #carryOut(step: ConnectionStep): Promise<ConnectionOutcome> {
    let outcome = wouldBe(step);
    try {
      if (step.kind === "create") outcome = { ...outcome, connectionId: await this.#create(step.description) };
      else if (step.kind === "change") await this.#change(step.description, step.id, step.changes);
      else if (step.kind === "disconnect") outcome = { ...outcome, message: await this.#disconnect(step.id) };
    } catch (error) {
      const { message } = toSmError(error);
      const made = this.#options.source.connections.find(({ record }) => record.file === outcome.file);
      outcome = { ...outcome, action: "failed", connectionId: made?.id ?? outcome.connectionId, message };
    }
    this.#tell(outcome);
    return outcome;
  }

  #tell({ file, action, connectionId, changes, message }: ConnectionOutcome): void {
    if (action === "unchanged") return;
    const { log } = this.#options;
    const fields = { file, connection: connectionId, ...(changes.length === 0 ? {} : { changes }), ...(message === null ? {} : { message }) };
    if (action === "failed" || action === "kept") log.warn(`connections.d/${file}.yaml: ${action}`, fields);
    else log.info(`connections.d/${file}.yaml: ${action}`, fields);
  }

  /** What limits and schedules it has holds before anything is sent. */
  async #create(description: ConnectionDescription): Promise<number> {
    const { name, request, schedule, limit, verify, scrub, hooks } = description;
    refusePast(schedule);
    const transmission = { ...DEFAULT_TRANSMISSION, schedule, limit, startsSeenMs: Date.now() };
    const { id } = await this.#options.source.make(request, { file: name, transmission }, hooks ?? []);
    await this.#change(description, id, [...(verify === null ? [] : ["verify" as const]), ...(scrub === null ? [] : ["scrub" as const])]);
    return id;
  }

  async #change(description: ConnectionDescription, id: number, changes: readonly ConnectionChange[]): Promise<void> {
    const connection = this.#options.source.connection(id);
    for (const change of changes) await this.#changeOne(description, connection, change);
  }

  async #changeOne(description: ConnectionDescription, connection: SourceConnection, change: ConnectionChange): Promise<void> {
    const { source, replication, verification } = this.#options;
    const { id } = connection;
    const { replicate, compression, guard, guardChanged } = description.request.options;
    switch (change) {
      case "file":
        return connection.keep({ file: description.name }, true);
      case "replicate":
        return void (await (replicate ? replication.start(id, true) : replication.stop(id)));
      case "compression":
        return void (await source.setOptions(id, { compression }));
      case "guard":
        return void (await source.setGuard(id, { guard, guardChanged }));
      case "limit":
        return connection.transmission.setLimit(description.limit);
      case "schedule":
        return connection.transmission.setSchedule(description.schedule);
      case "verify":
        return void (await verification.setSchedule(id, description.verify));
      case "scrub":
        return void (await verification.setScrub(id, description.scrub));
      case "hooks":
        return connection.duty.hooks.set(description.hooks ?? []);
    }
  }

  async #disconnect(id: number): Promise<string | null> {
    const { isTargetTold } = await this.#options.source.disconnect(id);
    return isTargetTold ? null : "its target is told as soon as it can be reached";
  }
}

export function hooksIn({ connections }: Pick<SourceService, "connections">): HooksOf {
  const byId = new Map(connections.map(({ id, duty }) => [id, duty.hooks]));
  return (id) => byId.get(id)?.reports() ?? null;
}

/** As `sm transmission schedule` refuses it: nothing would ever be sent. */
function refusePast(schedule: ConnectionDescription["schedule"]): void {
  if (schedule === null || schedule.startAt === null || schedule.everyMs !== null || Date.parse(schedule.startAt) > Date.now()) return;
  throw new SmError("TRANSMISSION_SETTING", `the start ${schedule.startAt} is in the past`);
}

function wouldBe(step: ConnectionStep): ConnectionOutcome {
  const none = { changes: [], message: null };
  switch (step.kind) {
    case "create":
      return { file: step.description.name, action: "created", connectionId: null, ...none };
    case "change":
      return {
        file: step.description.name,
        action: step.changes.length === 0 ? "unchanged" : "changed",
        connectionId: step.id,
        changes: step.changes,
        message: null,
      };
    case "refuse":
      return { file: step.description.name, action: "failed", connectionId: step.id, changes: [], message: step.message };
    case "disconnect":
      return { file: step.file, action: "disconnected", connectionId: step.id, ...none };
    case "keep":
      return { file: step.file, action: "kept", connectionId: step.id, changes: [], message: step.message };
  }
}
