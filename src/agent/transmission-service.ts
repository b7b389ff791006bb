// What persons say about the transmission of connections: heard here, carried out by the connection.

import { SmError } from "../base/errors.js";
import type { SourceConnection } from "../connection/source-connection.js";
import { reportTransmission } from "../connection/transmission-report.js";
import { parseCalendarEvent } from "../model/calendar-event.js";
import { type BandwidthLimit, LIMITED_TIMES_MAX, type ScheduleChange } from "../model/transmission.js";
import type { LimitChange, TransmissionControl, TransmissionReport } from "../model/transmission-report.js";

export class TransmissionService implements TransmissionControl {
  readonly #connection: (id: number) => SourceConnection;

  /** `connection` throws NOT_FOUND. */
  constructor(connection: (id: number) => SourceConnection) {
    this.#connection = connection;
  }

  async show(id: number): Promise<TransmissionReport> {
    return reportTransmission(this.#connection(id), Date.now());
  }

  async command(id: number, verb: "start" | "stop" | "pause" | "resume"): Promise<TransmissionReport> {
    this.#connection(id).transmission.command(verb);
    return this.show(id);
  }

  async setSchedule(id: number, change: ScheduleChange | null): Promise<TransmissionReport> {
    this.#connection(id).transmission.setSchedule(change);
    return this.show(id);
  }

  async setLimit(id: number, change: LimitChange | { readonly clear: string | null }): Promise<TransmissionReport> {
    const { transmission } = this.#connection(id);
    transmission.setLimit("clear" in change ? without(transmission.settings.limit, change.clear) : changeLimit(transmission.settings.limit, change));
    return this.show(id);
  }
}

/** A time that was set before is set anew. */
function changeLimit({ standing, times }: BandwidthLimit, { rate, during }: LimitChange): BandwidthLimit {
  if (during === null) return { standing: rate, times };
  parseCalendarEvent(during.calendar);
  const others = times.filter(({ calendar }) => calendar !== during.calendar);
  if (others.length >= LIMITED_TIMES_MAX) throw new SmError("TRANSMISSION_SETTING", `a connection has at most ${LIMITED_TIMES_MAX} limited times`);
  return { standing, times: [...others, { ...during, rate }] };
}

function without({ standing, times }: BandwidthLimit, calendar: string | null): BandwidthLimit {
  if (calendar === null) return { standing: null, times: [] };
  const kept = times.filter((time) => time.calendar !== calendar);
  if (kept.length === times.length) throw new SmError("NOT_FOUND", `there is no limit during ${JSON.stringify(calendar)}`);
  return { standing, times: kept };
}
