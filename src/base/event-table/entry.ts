// What one event of the log is. The tables beside this file hold them all; base/events.ts is their one door.

export type EventLevel = "error" | "warn" | "info";

export interface EventEntry<Text extends string = string> {
  /** Column 7 of the dtlog: a number of the guide, or one of 20000 to 20999, which are those of sm. */
  readonly id: number;
  /** Its number in the system's log; null = it does not go there. */
  readonly system: number | null;
  readonly level: EventLevel;
  /** What is logged; `{name}` is a field. */
  readonly text: Text;
  readonly meaning: string;
  /** What a person does about it; "" = nothing. */
  readonly remedy: string;
}

type MakeEntry = <const Text extends string>(id: number, system: number | null, text: Text, meaning: string, remedy?: string) => EventEntry<Text>;

const entryOf =
  (level: EventLevel): MakeEntry =>
  (id, system, text, meaning, remedy = "") => ({ id, system, level, text, meaning, remedy });

/** A person must act. */
export const error = entryOf("error");
/** Handled, but degraded. */
export const warn = entryOf("warn");
export const info = entryOf("info");
