// The source side's connection state machine: pure and total (house rules 2 and 3).

import type { ErrorCode } from "../base/errors.js";

export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
}

export type ConnectionState =
  | { readonly kind: "connecting"; readonly attempt: number }
  | { readonly kind: "backingOff"; readonly attempt: number; readonly fault: Fault }
  | { readonly kind: "streaming" }
  | { readonly kind: "halted"; readonly fault: Fault }
  | { readonly kind: "stopped" };

export type ConnectionEvent =
  | { readonly kind: "welcomed" }
  /** The dial failed, the target refused, or the channel ended. */
  | { readonly kind: "lost"; readonly fault: Fault }
  | { readonly kind: "retry" }
  /** Only a person (or a root that comes back) can help. */
  | { readonly kind: "halt"; readonly fault: Fault }
  | { readonly kind: "resume" }
  | { readonly kind: "stop" };

export function nextConnection(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  if (state.kind === "stopped" || event.kind === "stop") return { kind: "stopped" };
  if (event.kind === "halt") return { kind: "halted", fault: event.fault };
  switch (state.kind) {
    case "connecting":
      if (event.kind === "welcomed") return { kind: "streaming" };
      if (event.kind === "lost") return { kind: "backingOff", attempt: state.attempt, fault: event.fault };
      return state;
    case "backingOff":
      return event.kind === "retry" ? { kind: "connecting", attempt: state.attempt + 1 } : state;
    case "streaming":
      return event.kind === "lost" ? { kind: "backingOff", attempt: 0, fault: event.fault } : state;
    case "halted":
      return event.kind === "resume" ? { kind: "connecting", attempt: 0 } : state;
  }
}

export function isHalted(state: ConnectionState): boolean {
  return state.kind === "halted";
}

export const INITIAL_STATE: ConnectionState = { kind: "connecting", attempt: 0 };
