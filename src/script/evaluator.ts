// Carries out the statements of a script. A command that fails ends the script or not, as ON ERROR says; an interrupt always does,
// between two statements at the latest.

import { setImmediate } from "node:timers/promises";
import { unreachable } from "../base/assert.js";
import { SmError, toSmError } from "../base/errors.js";
import { placeOf, withPlace } from "./fault.js";
import { ScriptInterrupted, throwIfInterrupted } from "./interruption.js";
import { applyOperator, isTrue, truth } from "./operators.js";
import type { Place } from "./place.js";
import { returnCodeOf } from "./return-code.js";
import type { ScriptSession } from "./session.js";
import type { Block, CommandNode, Expression, Statement } from "./syntax.js";
import { integerValue, textValue, type Value, valueText } from "./value.js";
import { OUTCOME_DONE, type Outcome } from "./verb.js";

/** What came of one statement, or of a command within one. */
export interface StatementReport {
  readonly name: string;
  readonly at: Place;
  readonly value: Value;
  readonly outcome: Outcome;
  /** Text of WRITE: printed as it is. */
  readonly written: string | null;
  readonly error: SmError | null;
}

export type ReportSink = (report: StatementReport) => void;

/** How a script ended by itself. */
export interface Ending {
  /** EXIT was reached. */
  readonly isExit: boolean;
  /** The code that EXIT gave; null = none did, and what failed decides. */
  readonly exitCode: number | null;
  readonly failures: number;
  /** The failure that ended it; null = none did. */
  readonly stoppedBy: SmError | null;
}

/** Statements between two turns of the event loop, on which signals arrive. */
const STATEMENTS_PER_TURN = 100;
const EXIT_CODE_MAX = 255;

class ScriptExit extends Error {
  readonly code: number | null;

  constructor(code: number | null) {
    super("EXIT");
    this.code = code;
  }
}

class ScriptStopped extends Error {
  readonly error: SmError;

  constructor(error: SmError) {
    super("a command failed");
    this.error = error;
  }
}

export class Evaluator {
  readonly #session: ScriptSession;
  readonly #report: ReportSink;
  #failures = 0;
  #statements = 0;

  constructor(session: ScriptSession, report: ReportSink) {
    this.#session = session;
    this.#report = report;
  }

  /** Rejects with ScriptInterrupted when the session's signal aborts. */
  async run(body: Block): Promise<Ending> {
    const ending = (rest: Partial<Ending>): Ending => ({ isExit: false, exitCode: null, failures: this.#failures, stoppedBy: null, ...rest });
    try {
      await this.#block(body);
      return ending({});
    } catch (thrown) {
      if (thrown instanceof ScriptExit) return ending({ isExit: true, exitCode: thrown.code });
      if (thrown instanceof ScriptStopped) return ending({ stoppedBy: thrown.error });
      throw thrown;
    }
  }

  async #block(statements: Block): Promise<void> {
    for (const statement of statements) {
      await this.#turn();
      await this.#statement(statement);
    }
  }

  async #turn(): Promise<void> {
    this.#statements += 1;
    if (this.#statements % STATEMENTS_PER_TURN === 0) await setImmediate();
    throwIfInterrupted(this.#session);
  }

  async #statement(statement: Statement): Promise<void> {
    switch (statement.kind) {
      case "command":
        await this.#command(statement.command);
        return;
      case "assign":
        await this.#guarded(`$${statement.name}`, statement.at, async () => {
          const value = await this.#evaluate(statement.from);
          this.#session.variables.set(statement.name, value, statement.type);
          // A command has told its value itself.
          if (statement.from.kind !== "command") this.#tell(`$${statement.name}`, statement.at, { value });
        });
        return;
      case "write":
        await this.#guarded("WRITE", statement.at, () => this.#write(statement.items, statement.at));
        return;
      case "if":
        return this.#if(statement);
      case "while":
        while ((await this.#condition("WHILE", statement.condition)) === true) await this.#pass(statement.body);
        return;
      case "for":
        return this.#for(statement);
      case "onError":
        this.#session.stopsOnError = statement.stops;
        return;
      case "exit":
        await this.#guarded("EXIT", statement.at, () => this.#exit(statement.code));
        return;
      default:
        return unreachable(statement);
    }
  }

  async #pass(body: Block): Promise<void> {
    // A loop without statements must be interruptible, too.
    await this.#turn();
    await this.#block(body);
  }

  async #if({ branches, otherwise }: Extract<Statement, { kind: "if" }>): Promise<void> {
    for (const { condition, body } of branches) {
      const isMet = await this.#condition("IF", condition);
      // What cannot be decided is not done, and neither is the other branch.
      if (isMet === undefined) return;
      if (isMet) return this.#block(body);
    }
    return this.#block(otherwise);
  }

  async #for(statement: Extract<Statement, { kind: "for" }>): Promise<void> {
    const { name, at, body } = statement;
    const range = await this.#guarded("FOR", at, () => this.#range(statement));
    if (range === undefined) return;
    for (let i = range.from; range.step > 0 ? i <= range.to : i >= range.to; i += range.step) {
      const counted = await this.#guarded("FOR", at, async () => {
        this.#session.variables.set(name, integerValue(i), null);
        return true;
      });
      if (counted === undefined) return;
      await this.#pass(body);
    }
  }

  async #range({ from, to, step }: Extract<Statement, { kind: "for" }>): Promise<{ from: number; to: number; step: number }> {
    const range = { from: await this.#integer(from), to: await this.#integer(to), step: step === null ? 1 : await this.#integer(step) };
    if (range.step === 0) throw new SmError("SCRIPT_VALUE", "a STEP of 0 never comes to the end: give another");
    return range;
  }

  async #integer(expression: Expression): Promise<number> {
    const value = await this.#evaluate(expression);
    if (value.type === "integer") return value.integer;
    throw withPlace(new SmError("SCRIPT_VALUE", `here must be an integer, but this is a ${value.type}`), expression.at);
  }

  async #write(items: readonly Expression[], at: Place): Promise<void> {
    let written: Value | null = null;
    for (const item of items) {
      const text = valueText(await this.#evaluate(item));
      // Tried as it grows: many long ones together are more than a string can be.
      written = textValue(written === null ? text : `${valueText(written)} ${text}`);
    }
    this.#tell("WRITE", at, OUTCOME_DONE, written === null ? "" : valueText(written));
  }

  async #exit(code: Expression | null): Promise<never> {
    if (code === null) throw new ScriptExit(null);
    const number = await this.#integer(code);
    if (number < 0 || number > EXIT_CODE_MAX) throw new SmError("SCRIPT_VALUE", `EXIT takes a code from 0 to ${EXIT_CODE_MAX}, not ${number}`);
    throw new ScriptExit(number);
  }

  /** Undefined = it could not be decided, and the script goes on. */
  async #condition(name: string, condition: Expression): Promise<boolean | undefined> {
    return this.#guarded(name, condition.at, async () => isTrue(await this.#evaluate(condition)));
  }

  /** Runs a part of a statement; a failure is told, and ends the script or gives undefined. */
  async #guarded<T>(name: string, at: Place, run: () => Promise<T>): Promise<T | undefined> {
    try {
      return await run();
    } catch (thrown) {
      if (!(thrown instanceof SmError)) throw thrown;
      this.#fail(name, at, thrown);
      return undefined;
    }
  }

  /** The value of a failing command is its negative code. */
  #fail(name: string, at: Place, thrown: SmError): Value {
    throwIfInterrupted(this.#session);
    const error = withPlace(thrown, placeOf(thrown, at));
    const value = integerValue(returnCodeOf(error));
    this.#failures += 1;
    this.#session.variables.noteFailure(error.code);
    this.#report({ name, at: placeOf(error, at), value, outcome: { value }, written: null, error });
    if (this.#session.stopsOnError) throw new ScriptStopped(error);
    return value;
  }

  #tell(name: string, at: Place, outcome: Outcome, written: string | null = null): void {
    this.#report({ name, at, value: outcome.value, outcome, written, error: null });
  }

  async #command({ name, at, action }: CommandNode): Promise<Value> {
    try {
      if (action instanceof SmError) throw action;
      const outcome = await action(this.#session);
      this.#tell(name, at, outcome);
      return outcome.value;
    } catch (thrown) {
      if (thrown instanceof ScriptInterrupted) throw thrown;
      return this.#fail(name, at, toSmError(thrown));
    }
  }

  async #evaluate(expression: Expression): Promise<Value> {
    try {
      switch (expression.kind) {
        case "value":
          return expression.value;
        case "variable":
          return this.#session.variables.get(expression.name);
        case "not":
          return truth(!isTrue(await this.#evaluate(expression.operand)));
        case "minus":
          return integerValue(-(await this.#integer(expression.operand)));
        case "binary":
          return await this.#binary(expression);
        case "command":
          return await this.#command(expression.command);
      }
    } catch (thrown) {
      throw thrown instanceof SmError ? withPlace(thrown, placeOf(thrown, expression.at)) : thrown;
    }
  }

  /** AND and OR evaluate their right side only where the left one does not decide. */
  async #binary({ operator, left, right }: Extract<Expression, { kind: "binary" }>): Promise<Value> {
    const first = await this.#evaluate(left);
    if (operator === "AND") return truth(isTrue(first) && isTrue(await this.#evaluate(right)));
    if (operator === "OR") return truth(isTrue(first) || isTrue(await this.#evaluate(right)));
    return applyOperator(operator, first, await this.#evaluate(right));
  }
}
