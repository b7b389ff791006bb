// Reads the `format` file of a trace event: which id its records bear and where in a record each field lies. Both differ
// from kernel to kernel, so nothing about a record is assumed that this file does not say.
//
// A record is looked at as an array of 32-bit words; offsets are therefore handed out as word indices.

import { SmError } from "../base/errors.js";

export interface TraceField {
  readonly offset: number;
  readonly size: number;
}

export interface TraceFormat {
  readonly name: string;
  readonly id: number;
  readonly fields: ReadonlyMap<string, TraceField>;
  /** How the kernel prints a record; the names and values of its flags are in it. */
  readonly printFormat: string;
}

const FIELD = /^\s*field:[^;]*?(\w+)(?:\[[^\]]*\])?;\s*offset:(\d+);\s*size:(\d+);/gm;
/** Of one record, in bytes: a sub-buffer holds no longer one. */
const OFFSET_MAX = 65_536;

function unsupported(message: string, data: Readonly<Record<string, unknown>>): SmError {
  return new SmError("UNSUPPORTED", message, { data });
}

export function parseTraceFormat(text: string): TraceFormat {
  const name = /^name: (\S+)$/m.exec(text)?.[1];
  const id = /^ID: (\d+)$/m.exec(text)?.[1];
  if (name === undefined || id === undefined) throw unsupported("a trace event is described in an unknown way", { text: text.slice(0, 200) });
  const fields = new Map<string, TraceField>();
  for (const [, field = "", offset = "", size = ""] of text.matchAll(FIELD)) {
    if (Number(offset) < OFFSET_MAX) fields.set(field, { offset: Number(offset), size: Number(size) });
  }
  if (fields.size === 0) throw unsupported(`the trace event ${name} has no fields`, { event: name });
  return { name, id: Number(id), fields, printFormat: /^print fmt: (.*)$/m.exec(text)?.[1] ?? "" };
}

/** Index of the first word of a field of `size` bytes. Throws UNSUPPORTED when this kernel has no such field. */
export function wordOf(format: TraceFormat, field: string, size: number): number {
  const found = format.fields.get(field);
  if (found === undefined || found.size !== size || found.offset % 4 !== 0) {
    throw unsupported(`the trace event ${format.name} of this kernel has no field "${field}" of ${size} bytes`, { event: format.name, field });
  }
  return found.offset / 4;
}

/** Length of the longest record that `fields` reach into, in bytes: what a shorter record lacks is not there to be read. */
export function bytesNeeded(format: TraceFormat): number {
  let end = 0;
  for (const { offset, size } of format.fields.values()) end = Math.max(end, offset + size);
  return end;
}

/** The bit that the kernel prints as `name`; 0 when it has none of that name. */
export function flagBit(format: TraceFormat, name: string): number {
  const shifted = new RegExp(`\\(1U?L{0,2} *<< *(\\d+)\\) *, *"${name}"`).exec(format.printFormat)?.[1];
  if (shifted !== undefined) return Number(shifted) < 31 ? 1 << Number(shifted) : 0;
  const hexadecimal = new RegExp(`(0x[0-9a-fA-F]{1,8})[()]* *, *"${name}"`).exec(format.printFormat)?.[1];
  return hexadecimal === undefined ? 0 : Number(hexadecimal);
}

/** The value that the kernel prints as `name`, of a list of plain numbers; undefined when it has none of that name. */
export function symbolValue(format: TraceFormat, name: string): number | undefined {
  const found = new RegExp(`\\{ *(\\d+) *, *"${name}" *\\}`).exec(format.printFormat)?.[1];
  return found === undefined ? undefined : Number(found);
}

export function hasFlag(format: TraceFormat, name: string): boolean {
  return format.printFormat.includes(`"${name}"`);
}
