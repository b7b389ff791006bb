// A script as the parser hands it to the evaluator.

import type { SmError } from "../base/errors.js";
import type { BinaryOperator } from "./operators.js";
import type { Place } from "./place.js";
import type { Value, ValueType } from "./value.js";
import type { Action } from "./verb.js";

export interface CommandNode {
  /** Its words, as the help prints them; of a command that is none, its first word. */
  readonly name: string;
  readonly at: Place;
  /** An error, where the command is wrong in itself: it fails when its turn comes. */
  readonly action: Action | SmError;
}

export type Expression =
  | { readonly kind: "value"; readonly value: Value; readonly at: Place }
  | { readonly kind: "variable"; readonly name: string; readonly at: Place }
  | { readonly kind: "not" | "minus"; readonly operand: Expression; readonly at: Place }
  | { readonly kind: "binary"; readonly operator: BinaryOperator; readonly left: Expression; readonly right: Expression; readonly at: Place }
  /** A command in parentheses: its value. */
  | { readonly kind: "command"; readonly command: CommandNode; readonly at: Place };

export interface Branch {
  readonly condition: Expression;
  readonly body: Block;
}

export type Statement =
  | { readonly kind: "command"; readonly command: CommandNode; readonly at: Place }
  | { readonly kind: "assign"; readonly name: string; readonly type: ValueType | null; readonly from: Expression; readonly at: Place }
  | { readonly kind: "write"; readonly items: readonly Expression[]; readonly at: Place }
  | { readonly kind: "if"; readonly branches: readonly Branch[]; readonly otherwise: Block; readonly at: Place }
  | { readonly kind: "while"; readonly condition: Expression; readonly body: Block; readonly at: Place }
  | {
      readonly kind: "for";
      readonly name: string;
      readonly from: Expression;
      readonly to: Expression;
      readonly step: Expression | null;
      readonly body: Block;
      readonly at: Place;
    }
  | { readonly kind: "onError"; readonly stops: boolean; readonly at: Place }
  | { readonly kind: "exit"; readonly code: Expression | null; readonly at: Place };

export type Block = readonly Statement[];

export interface Script {
  readonly body: Block;
  /** Every command that is wrong in itself, in the order of the text. */
  readonly wrong: readonly CommandNode[];
}
