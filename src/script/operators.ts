// What the operators of the language make of two values.

import { unreachable } from "../base/assert.js";
import { SmError } from "../base/errors.js";
import { integerValue, textValue, type Value, valueText } from "./value.js";

export type Comparison = "==" | "!=" | "<" | ">" | "<=" | ">=";
export type BinaryOperator = Comparison | "+" | "-" | "*" | "/" | "AND" | "OR";

/** Only integers are true or false: 0 is false. */
export function isTrue(value: Value): boolean {
  if (value.type === "integer") return value.integer !== 0;
  throw new SmError("SCRIPT_VALUE", `a condition is an integer, 0 = false, but this is a ${value.type}: compare it with something`);
}

export function truth(condition: boolean): Value {
  return integerValue(condition ? 1 : 0);
}

export function applyOperator(operator: Exclude<BinaryOperator, "AND" | "OR">, left: Value, right: Value): Value {
  switch (operator) {
    case "+":
      if (left.type === "string" || right.type === "string") return textValue(valueText(left) + valueText(right));
      return integerValue(integerOf(operator, left) + integerOf(operator, right));
    case "-":
      return integerValue(integerOf(operator, left) - integerOf(operator, right));
    case "*":
      return integerValue(integerOf(operator, left) * integerOf(operator, right));
    case "/":
      if (integerOf(operator, right) === 0) throw new SmError("SCRIPT_VALUE", "a division by 0: test the divisor first");
      return integerValue(Math.trunc(integerOf(operator, left) / integerOf(operator, right)));
    default:
      return truth(holds(operator, order(left, right)));
  }
}

function integerOf(operator: string, value: Value): number {
  if (value.type === "integer") return value.integer;
  throw new SmError("SCRIPT_VALUE", `${operator} takes integers${operator === "+" ? " and strings" : ""}, but one side is a ${value.type}`);
}

/** Below, at or above 0 as `left` is below, at or above `right`. Texts by their code units, upper case before lower. */
function order(left: Value, right: Value): number {
  if (left.type === "integer" && right.type === "integer") return left.integer - right.integer;
  if (left.type === "string" && right.type === "string") return left.text < right.text ? -1 : Number(left.text > right.text);
  if (left.type === "date" && right.type === "date") return left.day - right.day;
  if (left.type === "time" && right.type === "time") return left.seconds - right.seconds;
  throw new SmError("SCRIPT_VALUE", `a ${left.type} cannot be compared with a ${right.type}: compare values of one type`);
}

function holds(comparison: Comparison, difference: number): boolean {
  switch (comparison) {
    case "==":
      return difference === 0;
    case "!=":
      return difference !== 0;
    case "<":
      return difference < 0;
    case ">":
      return difference > 0;
    case "<=":
      return difference <= 0;
    case ">=":
      return difference >= 0;
    default:
      return unreachable(comparison);
  }
}
