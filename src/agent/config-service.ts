// The configuration of the running agent: what is in force, where it is from, and how files that were changed come in force.
//   files ─▶ read and checked as a whole ─▶ settings ─▶ connections that go ─▶ replication sets ─▶ connections that come or change
// Invariants: one reload at a time; a file that is wrong changes nothing.

import { toSmError } from "../base/errors.js";
import type { Log, LogLevel } from "../base/log.js";
import { Turns } from "../base/turns.js";
import { type ReadFiles, readConfigFiles } from "../config/check-files.js";
import { editedText, noField, parseGiven, requireField, writeText } from "../config/config-edit.js";
import { ALL_FIELDS, type NamedField } from "../config/config-fields.js";
import type { ConfigInForce, SettingChange } from "../config/config-in-force.js";
import { variableOf } from "../config/environment.js";
import { configInvalid, type FieldError, fieldErrorText } from "../config/field-error.js";
import { CONFIG_FILE, type LoadedConfig } from "../config/load-config.js";
import type { ConfigControl, ConfigExport, ConfigStatus, ConnectionOutcome, ReloadOptions, ReloadReport, SettingReport } from "../model/config-control.js";
import { type ConfigSource, loadOptions, withFlags } from "./agent-config.js";
import { exportConfig } from "./config-export.js";
import { type ConnectionFiles, hooksIn } from "./connection-files.js";
import type { ConnectionStep } from "./connection-plan.js";
import { checkOrderRights } from "./file-rights.js";
import type { QueueService } from "./queue-service.js";
import type { RepsetReload } from "./repset-reload.js";
import type { SourceService } from "./source-service.js";

export interface ConfigServiceOptions {
  readonly from: ConfigSource;
  readonly settings: ConfigInForce;
  readonly connections: ConnectionFiles;
  readonly repsets: RepsetReload;
  readonly queue: Pick<QueueService, "configured" | "refusalOf" | "setByCommand">;
  readonly source: Pick<SourceService, "records" | "connections">;
  readonly setLogLevel: (level: LogLevel) => void;
  readonly onChange: () => void;
  readonly log: Log;
}

const BY_FILE: ReloadOptions = { isDryRun: false, isConfirmed: false };

export class ConfigService implements ConfigControl {
  readonly #options: ConfigServiceOptions;
  readonly #turns = new Turns();
  #refused: string | null = null;
  #failed: readonly string[] = [];

  constructor(options: ConfigServiceOptions) {
    this.#options = options;
  }

  get status(): ConfigStatus {
    return { needsRestart: this.#options.settings.needsRestart, problems: [...(this.#refused === null ? [] : [this.#refused]), ...this.#failed] };
  }

  async get(key: string | null): Promise<readonly SettingReport[]> {
    const chosen = key === null ? ALL_FIELDS : ALL_FIELDS.filter((field) => field.key === key || field.section === key);
    if (chosen.length === 0) throw noField(key ?? "");
    return chosen.map((field) => this.#report(field));
  }

  #report(named: NamedField): SettingReport {
    const { settings, queue } = this.#options;
    const { key, section, name, field } = named;
    const { value, origin, pending } = settings.look(named);
    const byCommand = section === "queue" ? queue.setByCommand(name) : null;
    return {
      ...{ key, value: byCommand === null ? value : byCommand.value, preset: settings.presetOf(named) },
      ...(byCommand === null ? origin : { from: "command" as const, place: "sm queue set" }),
      ...{ variable: variableOf(section, name), effect: field.effect ?? "restart", next: field.next ?? null },
      ...{ pending: pending === undefined ? null : { value: pending }, expected: field.expected, reason: field.reason },
    };
  }

  set(key: string, value: unknown): Promise<ReloadReport> {
    const parsed = parseGiven(this.#options.settings.config.configDir, key, value);
    return this.#turns.take(() => this.#write(key, parsed));
  }

  async unset(key: string): Promise<ReloadReport> {
    requireField(key);
    return this.#turns.take(() => this.#write(key, undefined));
  }

  /** All files are checked with the new text before it is written. */
  async #write(key: string, value: unknown): Promise<ReloadReport> {
    const { file, before, text } = editedText(this.#options.settings.config.configDir, key, value);
    const read = this.#read(false, text);
    if (text !== before) writeText(file, text);
    this.#options.log.info(value === undefined ? `${key} was taken out of ${CONFIG_FILE}` : `${key} was set in ${CONFIG_FILE}`, { value });
    const report = await this.#take(read, BY_FILE);
    return { ...report, warnings: [...this.#shadows(key), ...report.warnings] };
  }

  /** What wins over sm.yaml. */
  #shadows(key: string): readonly string[] {
    const { origin } = this.#options.settings.look(requireField(key));
    if (origin.from !== "environment" && origin.from !== "flag") return [];
    return [`${key}: ${CONFIG_FILE} was changed, and what ${origin.place} says stays in force`];
  }

  reload(options: ReloadOptions): Promise<ReloadReport> {
    return this.#turns.take(async () => this.#take(this.#read(options.isConfirmed), options));
  }

  /** By a signal: nobody waits for what it says. */
  async reloadByItself(): Promise<void> {
    const { log, onChange } = this.#options;
    try {
      await this.reload(BY_FILE);
    } catch (error) {
      this.#refused = `the files were not loaded: ${toSmError(error).message}`;
      log.error(this.#refused, { code: toSmError(error).code });
      onChange();
    }
  }

  /** At the start: what the files of connections.d describe. A broken one leaves all connections as they were. */
  start(): Promise<void> {
    return this.#turns.take(async () => {
      try {
        const read = this.#read(false);
        const { connections } = this.#options;
        this.#note(await connections.carryOut(connections.plan(read, false)));
      } catch (error) {
        this.#refused = `connections.d was not looked at: ${toSmError(error).message}`;
        this.#options.log.error(this.#refused, { code: toSmError(error).code });
      }
      this.#options.onChange();
    });
  }

  close(): void {
    this.#options.connections.close();
  }

  async export(): Promise<ConfigExport> {
    const { source, repsets } = this.#options;
    const values = new Map((await this.get(null)).map(({ key, value }) => [key, value]));
    return exportConfig({ read: (key) => values.get(key), repsets: repsets.list(), records: source.records, hooksOf: hooksIn(source) });
  }

  /** Throws CONFIG_INVALID with the errors of all files, FILE_UNSAFE where others may write them. Nothing is changed. */
  #read(isConfirmed: boolean, mainText?: string): ReadFiles & { readonly loaded: LoadedConfig } {
    const { from, connections, repsets, settings } = this.#options;
    checkOrderRights(settings.config.configDir);
    const read = readConfigFiles(loadOptions(from), mainText);
    const { loaded } = read;
    if (read.errors.length > 0 || loaded === null) throw configInvalid(read.errors);
    const ending = connections.plan(read, isConfirmed).flatMap((step) => (step.kind === "disconnect" ? [step.id] : []));
    const errors: FieldError[] = [...repsets.refusals(read.repsets, new Set(ending)), ...this.#queueRefusal(loaded)];
    if (errors.length > 0) throw configInvalid(errors);
    return { ...read, loaded: withFlags(loaded, from.flags) };
  }

  /** A limit below what waits would give that up. */
  #queueRefusal({ config, origins }: LoadedConfig): FieldError[] {
    const refusal = this.#options.queue.refusalOf(config.queue);
    if (refusal === null) return [];
    const file = origins.get("queue.diskMiB")?.place ?? CONFIG_FILE;
    return [{ file, line: 0, column: 0, path: "queue.diskMiB", expected: "room for what waits", got: `${config.queue.diskMiB}: ${refusal}` }];
  }

  async #take(read: ReadFiles & { readonly loaded: LoadedConfig }, options: ReloadOptions): Promise<ReloadReport> {
    const { settings, connections, repsets, log, onChange } = this.#options;
    const warnings = read.warnings.map(fieldErrorText);
    const changes = settings.plan(read.loaded);
    const changed = repsets.plan(read.repsets);
    const steps = connections.plan(read, options.isConfirmed);
    const common = { ...this.#outcome(changes), isDryRun: options.isDryRun, repsets: changed, warnings };
    if (options.isDryRun) {
      const needsRestart = changes.filter(({ effect }) => effect === "restart").map(({ key }) => key);
      return { ...common, connections: connections.preview(steps), needsRestart };
    }
    settings.take(read.loaded);
    this.#apply(changes);
    // A set that is gone may be one whose last connection goes with it, and a new one is connected at once.
    const isEnd = ({ kind }: ConnectionStep): boolean => kind === "disconnect" || kind === "keep";
    const ended = await connections.carryOut(steps.filter(isEnd));
    await repsets.take(changed);
    const outcomes = [...ended, ...(await connections.carryOut(steps.filter((step) => !isEnd(step))))];
    this.#refused = null;
    this.#note(outcomes);
    if (changes.length > 0) log.info("the configuration was loaded anew", { changed: changes.map(({ key }) => key), needsRestart: settings.needsRestart });
    onChange();
    return { ...common, connections: outcomes, needsRestart: settings.needsRestart };
  }

  #outcome(changes: readonly SettingChange[]): Pick<ReloadReport, "settings"> {
    const { queue } = this.#options;
    const hiddenBy = (key: string): string | null =>
      key.startsWith("queue.") && queue.setByCommand(key.slice("queue.".length)) !== null ? "sm queue set" : null;
    return { settings: changes.map((change) => ({ ...change, hiddenBy: hiddenBy(change.key) })) };
  }

  #apply(changes: readonly SettingChange[]): void {
    const { settings, queue, setLogLevel } = this.#options;
    if (changes.some(({ key }) => key.startsWith("queue."))) queue.configured();
    if (changes.some(({ key }) => key === "log.level")) setLogLevel(settings.config.log.level);
  }

  #note(outcomes: readonly ConnectionOutcome[]): void {
    const bad = outcomes.filter(({ action }) => action === "failed" || action === "kept");
    this.#failed = bad.map(({ file, action, message }) => `connections.d/${file}.yaml ${action === "failed" ? "failed" : "is gone"}: ${message ?? ""}`);
  }
}
