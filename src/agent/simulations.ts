// The simulations of this agent: connections of whose target nothing is there (ADR 0035). Gives each its channel, records what it is
// like, and answers what that says about a true one.

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { NullTarget } from "../apply/null-target.js";
import { SmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { MiB } from "../base/units.js";
import type { Config } from "../config/config.js";
import type { SourceConnection } from "../connection/source-connection.js";
import { threadCpuUs } from "../fs/thread-time.js";
import type { Greeting, SourceChannel, SourceDialer } from "../model/channel-port.js";
import type { SimulationControl, SimulationResult } from "../model/simulation.js";
import { statisticsName } from "../model/simulation-row.js";
import { type SizingQuestion, sizingReport } from "../model/sizing-report.js";
import type { SourceEvent } from "../model/source-messages.js";
import { readStatistics, statisticsFiles } from "../observe/read-statistics.js";
import { StatisticsFile } from "../observe/statistics-file.js";
import { CompressionSample } from "../transport/compression-sample.js";
import { SimulatedChannel } from "../transport/simulated-channel.js";
import { NO_PEER, welcomeOf } from "./simulated-target.js";
import { SimulationRecorder } from "./simulation-recorder.js";

export interface SimulationsOptions {
  readonly config: Pick<Config, "logDir" | "tdu" | "transport">;
  readonly version: string;
  readonly log: Log;
}

interface Simulation {
  readonly connection: SourceConnection;
  readonly recorder: SimulationRecorder;
}

const NO_LINK = { bytesPerSecond: null, roundTripMs: 0 };

export class Simulations implements SimulationControl {
  readonly #options: SimulationsOptions;
  readonly #running = new Map<number, Simulation>();

  constructor(options: SimulationsOptions) {
    this.#options = options;
  }

  /** The connection is made, or taken up; true connections are left alone. */
  take(connection: SourceConnection, source: { report(): { readonly files: number; readonly bytes: number } }): void {
    const { id, record } = connection;
    if (record.isSimulated !== true) return;
    const { config, log } = this.#options;
    const { intervalSeconds, maxFileMiB, maxFiles } = config.tdu;
    mkdirSync(config.logDir, { recursive: true, mode: 0o750 });
    const path = join(config.logDir, statisticsName(record.repset, id));
    const recorder = new SimulationRecorder({
      connection,
      set: () => source.report(),
      file: new StatisticsFile({ path, bytesMax: maxFileMiB * MiB, filesMax: maxFiles, log }),
      sampler: new CompressionSample({ compressBytesMin: config.transport.compressMinBytes, cpuUs: threadCpuUs }),
      intervalMs: intervalSeconds * 1000,
    });
    this.#running.set(id, { connection, recorder });
    logEvent(log, "simulated", { connection: id, repset: record.repset }, { statistics: path });
  }

  /** Dials what is simulated itself, and leaves the rest to the dialer of true connections. */
  over(dialer: SourceDialer): SourceDialer {
    return {
      dial: async (peer, hello, signal) => (peer === NO_PEER ? this.#open(hello) : dialer.dial(peer, hello, signal)),
      sayGoodbye: (peer, key, signal) => dialer.sayGoodbye(peer, key, signal),
    };
  }

  #open(hello: Greeting): SourceChannel {
    const simulation = this.#running.get(hello.connectionId);
    if (simulation === undefined) throw new SmError("NOT_FOUND", `connection ${hello.connectionId} is not simulated`);
    const { connection, recorder } = simulation;
    const { config, version } = this.#options;
    const target = new NullTarget({ isMirrored: () => connection.record.wasMirrored, onSet: (bytes, isOfJob) => recorder.takeSet(bytes, isOfJob) });
    return new SimulatedChannel({
      welcome: welcomeOf(connection.record, hello, version),
      link: connection.record.options.simulatedLink ?? NO_LINK,
      compressBytesMin: config.transport.compressMinBytes,
      target,
    });
  }

  takeEvent(connectionId: number, event: SourceEvent): void {
    this.#running.get(connectionId)?.recorder.takeEvent(event);
  }

  /** Called about once a second. */
  tick(): void {
    for (const { recorder } of this.#running.values()) recorder.look();
  }

  /** The connection is no more; its statistics stay. */
  forget(connectionId: number): void {
    this.#running.get(connectionId)?.recorder.close();
    this.#running.delete(connectionId);
  }

  async report(connectionId: number, question: SizingQuestion): Promise<SimulationResult> {
    const files = statisticsFiles(this.#pathOf(connectionId));
    const figures = await readStatistics(files);
    if (figures.loads.length === 0) {
      const { intervalSeconds } = this.#options.config.tdu;
      throw new SmError("NOT_FOUND", `there are no figures of a simulation ${connectionId}: the first are written ${intervalSeconds} s after it begins`);
    }
    return { files, report: sizingReport(figures, question, (ms) => new Date(ms).getHours()) };
  }

  /** Of one that is over as well: numbers of connections are never used twice. */
  #pathOf(connectionId: number): string {
    const { logDir } = this.#options.config;
    const simulation = this.#running.get(connectionId);
    if (simulation !== undefined) return join(logDir, statisticsName(simulation.connection.record.repset, connectionId));
    const name = readdirSync(logDir).find((each) => each.endsWith(statisticsName("", connectionId)));
    if (name === undefined)
      throw new SmError("NOT_FOUND", `connection ${connectionId} is no simulation, and was none: there are no statistics of it in ${logDir}`);
    return join(logDir, name);
  }

  close(): void {
    for (const id of [...this.#running.keys()]) this.forget(id);
  }
}
