// The variables of a session. Names do not tell upper from lower case.

import { SmError } from "../base/errors.js";
import type { Value, ValueType } from "./value.js";
import { textValue } from "./value.js";

interface Slot {
  /** As it was written first. */
  readonly name: string;
  readonly value: Value;
  /** The only type it takes; null = any. */
  readonly type: ValueType | null;
}

const VARIABLES_MAX = 10_000;
/** Of all texts together. */
const CHARACTERS_MAX = 64 * 1024 * 1024;
/** Kept by the session itself: the code of the last failure, "" before the first. */
const ERROR_NAME = "error";

export class VariableTable {
  readonly #slots = new Map<string, Slot>([[ERROR_NAME, { name: ERROR_NAME, value: textValue(""), type: "string" }]]);
  #characters = 0;

  get(name: string): Value {
    const slot = this.#slots.get(name.toLowerCase());
    if (slot === undefined) throw new SmError("SCRIPT_VALUE", `$${name} has no value yet: give it one with $${name} = …; ENVIRONMENT lists all`);
    return slot.value;
  }

  /** `type` = the variable takes values of this type only, from now on. */
  set(name: string, value: Value, type: ValueType | null): void {
    const key = name.toLowerCase();
    const before = this.#slots.get(key);
    if (key === ERROR_NAME) throw new SmError("SCRIPT_VALUE", "$error holds the code of the last failure, and cannot be set: choose another name");
    const only = type ?? before?.type ?? null;
    if (only !== null && value.type !== only) throw new SmError("SCRIPT_VALUE", `$${name} takes a ${only}, but this is a ${value.type}`);
    if (before === undefined && this.#slots.size >= VARIABLES_MAX) throw new SmError("SCRIPT_VALUE", `there are ${VARIABLES_MAX} variables: no more are kept`);
    const characters = this.#characters - lengthOf(before?.value) + lengthOf(value);
    if (characters > CHARACTERS_MAX) throw new SmError("SCRIPT_VALUE", `the texts of all variables together are longer than ${CHARACTERS_MAX} characters`);
    this.#characters = characters;
    this.#slots.set(key, { name: before?.name ?? name, value, type: only });
  }

  noteFailure(code: string): void {
    this.#slots.set(ERROR_NAME, { name: ERROR_NAME, value: textValue(code), type: "string" });
  }

  /** By name. */
  list(): readonly { readonly name: string; readonly value: Value }[] {
    return [...this.#slots.values()].sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
  }
}

function lengthOf(value: Value | undefined): number {
  return value?.type === "string" ? value.text.length : 0;
}
