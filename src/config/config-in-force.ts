// The configuration as it is in force: what was loaded when the agent started, with what could be changed since.
// Invariants: a field that takes a restart keeps its value until then; a change is taken as a whole or not at all.

import { hostname } from "node:os";
import type { Config, ConfigSections } from "./config.js";
import { ALL_FIELDS, type Effect, type NamedField } from "./config-fields.js";
import type { LoadedConfig, ValueOrigin } from "./load-config.js";

export interface SettingChange {
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly effect: Effect;
  /** With the effect "next": what has it from then on. */
  readonly next: string | null;
}

export interface SettingInForce {
  readonly field: NamedField;
  readonly value: unknown;
  /** Of what is loaded, in force or not. */
  readonly origin: ValueOrigin;
  /** What the next start of the agent will take; undefined = what is in force. */
  readonly pending: unknown;
}

const NOWHERE: ValueOrigin = { from: "default", place: "" };

type Fields = Readonly<Record<string, unknown>>;

export class ConfigInForce {
  /** Its sections are looked up at each access: who keeps this object, and not a section of it, sees each change. */
  readonly config: Config;
  #sections: ConfigSections;
  #loaded: LoadedConfig;

  constructor(loaded: LoadedConfig) {
    this.#loaded = loaded;
    this.#sections = loaded.config;
    const { configDir, stateDir, runtimeDir, logDir } = loaded.config;
    const config = { configDir, stateDir, runtimeDir, logDir };
    // Enumerable: a copy of the object is what is in force at that moment.
    for (const section of new Set(ALL_FIELDS.map((each) => each.section)))
      Object.defineProperty(config, section, { enumerable: true, get: () => this.#sections[section] });
    this.config = config as Config;
  }

  /** What `take` would change of what was loaded before. */
  plan(next: LoadedConfig): readonly SettingChange[] {
    return ALL_FIELDS.flatMap((named) => {
      const [before, after] = [valueIn(this.#loaded.config, named), valueIn(next.config, named)];
      if (isSame(before, after)) return [];
      // Back to what has been in force all the time.
      const isInForce = isSame(after, valueIn(this.#sections, named));
      const { effect = "restart", next: what = null } = named.field;
      return [{ key: named.key, before, after, effect: isInForce ? ("now" as const) : effect, next: isInForce ? null : what }];
    });
  }

  /** Puts in force what can be. */
  take(next: LoadedConfig): readonly SettingChange[] {
    const changes = this.plan(next);
    this.#loaded = next;
    const sections: Record<string, Record<string, unknown>> = {};
    for (const named of ALL_FIELDS) {
      const from = (named.field.effect ?? "restart") === "restart" ? this.#sections : next.config;
      const section = sections[named.section] ?? {};
      section[named.name] = valueIn(from, named);
      sections[named.section] = section;
    }
    for (const section of Object.values(sections)) Object.freeze(section);
    this.#sections = Object.freeze(sections) as unknown as ConfigSections;
    return changes;
  }

  look(field: NamedField): SettingInForce {
    const value = valueIn(this.#sections, field);
    const loaded = valueIn(this.#loaded.config, field);
    return { field, value, origin: this.#loaded.origins.get(field.key) ?? NOWHERE, pending: isSame(value, loaded) ? undefined : loaded };
  }

  presetOf({ field }: NamedField): unknown {
    return field.preset({ ...this.config, hostname: hostname() });
  }

  /** Keys whose change waits for the next start. */
  get needsRestart(): readonly string[] {
    return ALL_FIELDS.filter((field) => this.look(field).pending !== undefined).map(({ key }) => key);
  }
}

function valueIn(sections: ConfigSections, { section, name }: NamedField): unknown {
  return (sections[section] as Fields)[name];
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
