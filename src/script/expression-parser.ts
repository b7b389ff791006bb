// Expressions: OR, AND, NOT, comparisons, sums, products, signs, and parentheses around an expression or a command.

import { syntaxFault } from "./fault.js";
import type { Lexer, Token } from "./lexer.js";
import { missing, tokenText } from "./lexer.js";
import type { BinaryOperator } from "./operators.js";
import type { CommandNode, Expression } from "./syntax.js";

/** Deeper parentheses and signs are turned away: neither parser nor evaluator may run out of stack. */
const DEPTH_MAX = 64;
/** Operators of one expression: each makes the tree a level deeper. */
const OPERATORS_MAX = 1000;

type Level = readonly { readonly spelling: string; readonly operator: BinaryOperator }[];

const COMPARISONS: Level = [
  { spelling: "==", operator: "==" },
  { spelling: "=", operator: "==" },
  { spelling: "!=", operator: "!=" },
  { spelling: "<>", operator: "!=" },
  { spelling: "<", operator: "<" },
  { spelling: ">", operator: ">" },
  { spelling: "<=", operator: "<=" },
  { spelling: ">=", operator: ">=" },
];
const LEVELS: readonly Level[] = [
  [{ spelling: "OR", operator: "OR" }],
  [{ spelling: "AND", operator: "AND" }],
  COMPARISONS,
  [
    { spelling: "+", operator: "+" },
    { spelling: "-", operator: "-" },
  ],
  [
    { spelling: "*", operator: "*" },
    { spelling: "/", operator: "/" },
  ],
];
const COMPARISON_LEVEL = LEVELS.indexOf(COMPARISONS);

export class ExpressionParser {
  readonly #lexer: Lexer;
  readonly #parseCommand: () => CommandNode;
  #depth = 0;
  #operators = 0;

  /** `parseCommand` reads a command up to the parenthesis that closes it. */
  constructor(lexer: Lexer, parseCommand: () => CommandNode) {
    this.#lexer = lexer;
    this.#parseCommand = parseCommand;
  }

  parse(): Expression {
    if (this.#depth === 0) this.#operators = 0;
    return this.#deeper(() => this.#level(0));
  }

  #level(index: number): Expression {
    const level = LEVELS[index];
    if (level === undefined) return this.#sign();
    if (index === COMPARISON_LEVEL && this.#isWord(this.#lexer.peek("expression"), "NOT")) return this.#not();
    let left = this.#level(index + 1);
    for (;;) {
      const token = this.#lexer.peek("expression");
      const found = level.find(({ spelling }) => (token.kind === "symbol" ? token.text === spelling : this.#isWord(token, spelling)));
      if (found === undefined) return left;
      this.#lexer.next("expression");
      this.#operators += 1;
      if (this.#operators > OPERATORS_MAX) throw syntaxFault(`this expression has more than ${OPERATORS_MAX} operators: divide it by variables`, token.at);
      left = { kind: "binary", operator: found.operator, left, right: this.#level(index + 1), at: token.at };
      if (index === COMPARISON_LEVEL) return left;
    }
  }

  #not(): Expression {
    const { at } = this.#lexer.next("expression");
    return { kind: "not", operand: this.#deeper(() => this.#level(COMPARISON_LEVEL)), at };
  }

  #sign(): Expression {
    const token = this.#lexer.peek("expression");
    if (token.kind !== "symbol" || token.text !== "-") return this.#primary();
    this.#lexer.next("expression");
    return { kind: "minus", operand: this.#deeper(() => this.#sign()), at: token.at };
  }

  #deeper(read: () => Expression): Expression {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw syntaxFault(`this expression is nested deeper than ${DEPTH_MAX} levels`, this.#lexer.place);
    const expression = read();
    this.#depth -= 1;
    return expression;
  }

  #primary(): Expression {
    const token = this.#lexer.next("expression");
    switch (token.kind) {
      case "value":
        return { kind: "value", value: token.value, at: token.at };
      case "text":
        return { kind: "value", value: { type: "string", text: token.text }, at: token.at };
      case "variable":
        return { kind: "variable", name: token.name, at: token.at };
      case "word":
        throw syntaxFault(`${tokenText(token)} is no value: put text into quotes, and a command into parentheses`, token.at);
      case "symbol":
        if (token.text === "(") return this.#parenthesis(token);
        throw missing("a value", token);
      default:
        throw missing("a value", token);
    }
  }

  #parenthesis(open: Token): Expression {
    const inner = this.#lexer.peek("expression");
    const isCommand = inner.kind === "word" && !this.#isWord(inner, "NOT");
    const expression: Expression = isCommand ? { kind: "command", command: this.#parseCommand(), at: open.at } : this.parse();
    const close = this.#lexer.next("expression");
    if (close.kind !== "symbol" || close.text !== ")")
      throw missing(`the parenthesis that closes that of line ${open.at.line}, column ${open.at.column}`, close);
    return expression;
  }

  #isWord(token: Token, word: string): boolean {
    return token.kind === "word" && token.text.toUpperCase() === word;
  }
}
