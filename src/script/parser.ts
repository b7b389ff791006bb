// Tokens to statements, by recursive descent. Structure that is wrong (a block without END, a text without end) is thrown; a
// command that is wrong in itself is kept as one that fails, so that whoever runs the script decides what that means.

import { SmError } from "../base/errors.js";
import type { Argument } from "./argument.js";
import { ExpressionParser } from "./expression-parser.js";
import { faultAt, incomplete, syntaxFault } from "./fault.js";
import { verbName } from "./keyword.js";
import { Lexer, missing, type Token, tokenText } from "./lexer.js";
import type { Place } from "./place.js";
import type { Block, Branch, CommandNode, Expression, Script, Statement } from "./syntax.js";
import type { ValueType } from "./value.js";
import { prepareCommand } from "./vocabulary.js";

const BLOCK_DEPTH_MAX = 64;
const ARGUMENTS_MAX = 10_000;

const TYPES: ReadonlyMap<string, ValueType> = new Map([
  ["INTEGER$", "integer"],
  ["STRING$", "string"],
  ["DATE$", "date"],
  ["TIME$", "time"],
]);

const BLOCK_ENDS = ["END", "ELSE", "ELSEIF"] as const;
type BlockEnd = (typeof BLOCK_ENDS)[number];

/** The statements of a text. SCRIPT_SYNTAX, with line and column, when its structure is wrong. */
export function parseScript(text: string): Script {
  return new Parser(text).script();
}

class Parser {
  readonly #lexer: Lexer;
  readonly #expressions: ExpressionParser;
  readonly #wrong: CommandNode[] = [];
  #depth = 0;

  constructor(text: string) {
    this.#lexer = new Lexer(text);
    this.#expressions = new ExpressionParser(this.#lexer, () => this.#command());
  }

  script(): Script {
    const body = this.#block();
    const token = this.#lexer.peek("command");
    if (token.kind !== "end") throw syntaxFault(`${tokenText(token)} belongs to no IF, WHILE or FOR: take it out`, token.at);
    return { body, wrong: this.#wrong };
  }

  /** Statements up to a word that ends a block, which stays, or to the end of the text. */
  #block(): Block {
    const statements: Statement[] = [];
    for (;;) {
      const token = this.#lexer.peek("command");
      if (token.kind === "end" || blockEnd(token) !== undefined) return statements;
      if (token.kind === "separator") this.#lexer.next("command");
      else {
        const statement = this.#statement(token);
        statements.push(statement);
        // END ends its statement, whatever follows.
        if (!["if", "while", "for"].includes(statement.kind)) this.#statementEnd();
      }
    }
  }

  #statementEnd(): void {
    const token = this.#lexer.peek("command");
    if (token.kind === "separator" || token.kind === "end" || blockEnd(token) !== undefined) return;
    throw syntaxFault(`the statement is complete, but ${tokenText(token)} follows: begin a new line, or put a semicolon before it`, token.at);
  }

  #statement(token: Token): Statement {
    const { at } = token;
    if (token.kind === "variable") return this.#assignment(null);
    if (token.kind !== "word") throw missing("a command, or $variable =", token);
    const word = token.text.toUpperCase();
    const type = TYPES.get(word);
    if (type !== undefined) {
      this.#lexer.next("command");
      return this.#assignment(type);
    }
    switch (word) {
      case "IF":
        return this.#nested(at, () => this.#if());
      case "WHILE":
        return this.#nested(at, () => this.#while());
      case "FOR":
        return this.#nested(at, () => this.#for());
      case "WRITE":
        return this.#write();
      case "ON":
        return this.#onError();
      case "EXIT":
      case "QUIT":
        return this.#exit();
      default:
        return { kind: "command", command: this.#command(), at };
    }
  }

  #nested(at: Place, read: () => Statement): Statement {
    this.#depth += 1;
    if (this.#depth > BLOCK_DEPTH_MAX) throw syntaxFault(`blocks are nested deeper than ${BLOCK_DEPTH_MAX} levels`, at);
    const statement = read();
    this.#depth -= 1;
    return statement;
  }

  #assignment(type: ValueType | null): Statement {
    const token = this.#lexer.next("expression");
    if (token.kind !== "variable") throw missing("the name of a variable, such as $con", token);
    const equals = this.#lexer.next("expression");
    if (equals.kind !== "symbol" || equals.text !== "=") throw missing(`an equals sign (=) behind $${token.name}`, equals);
    return { kind: "assign", name: token.name, type, from: this.#expressionOrCommand(), at: token.at };
  }

  #expressionOrCommand(): Expression {
    const token = this.#lexer.peek("expression");
    if (token.kind !== "word" || token.text.toUpperCase() === "NOT") return this.#expressions.parse();
    return { kind: "command", command: this.#command(), at: token.at };
  }

  #if(): Statement {
    const { at } = this.#lexer.next("command");
    const branches: Branch[] = [this.#branch()];
    let otherwise: Block = [];
    let end = this.#blockEnd("IF", at);
    while (end === "ELSEIF") {
      branches.push(this.#branch());
      end = this.#blockEnd("IF", at);
    }
    if (end === "ELSE") {
      otherwise = this.#block();
      const place = this.#lexer.place;
      if (this.#blockEnd("IF", at) !== "END") throw syntaxFault(`behind the ELSE of the IF in line ${at.line} only END can follow`, place);
    }
    return { kind: "if", branches, otherwise, at };
  }

  #branch(): Branch {
    const condition = this.#expressions.parse();
    this.#keyword("THEN");
    return { condition, body: this.#block() };
  }

  #while(): Statement {
    const { at } = this.#lexer.next("command");
    const condition = this.#expressions.parse();
    return { kind: "while", condition, body: this.#loopBody("WHILE", at), at };
  }

  #for(): Statement {
    const { at } = this.#lexer.next("command");
    const variable = this.#lexer.next("expression");
    if (variable.kind !== "variable") throw missing("the variable that counts, such as $i", variable);
    const equals = this.#lexer.next("expression");
    if (equals.kind !== "symbol" || equals.text !== "=") throw missing(`an equals sign (=) behind $${variable.name}`, equals);
    const from = this.#expressions.parse();
    this.#keyword("TO");
    const to = this.#expressions.parse();
    const step = this.#isWord("STEP") ? this.#step() : null;
    return { kind: "for", name: variable.name, from, to, step, body: this.#loopBody("FOR", at), at };
  }

  #step(): Expression {
    this.#keyword("STEP");
    return this.#expressions.parse();
  }

  #loopBody(word: string, at: Place): Block {
    this.#keyword("DO");
    const body = this.#block();
    const place = this.#lexer.peek("command").at;
    const end = this.#blockEnd(word, at);
    if (end !== "END") throw syntaxFault(`${end} belongs to an IF, but the ${word} of line ${at.line} is open: close it with END first`, place);
    return body;
  }

  #blockEnd(word: string, at: Place): BlockEnd {
    const token = this.#lexer.next("command");
    const end = blockEnd(token);
    if (end === undefined) throw incomplete(`the ${word} of line ${at.line}, column ${at.column} has no END: add it`, at);
    return end;
  }

  #isWord(word: string): boolean {
    const token = this.#lexer.peek("expression");
    return token.kind === "word" && token.text.toUpperCase() === word;
  }

  #keyword(word: string): void {
    const token = this.#lexer.next("expression");
    if (token.kind !== "word" || token.text.toUpperCase() !== word) throw missing(word, token);
  }

  #write(): Statement {
    const { at } = this.#lexer.next("command");
    const items: Expression[] = [];
    for (let token = this.#lexer.peek("expression"); !isStatementEnd(token); token = this.#lexer.peek("expression")) {
      items.push(this.#expressions.parse());
      if (items.length > ARGUMENTS_MAX) throw syntaxFault(`a WRITE prints at most ${ARGUMENTS_MAX} values`, at);
      const comma = this.#lexer.peek("expression");
      if (comma.kind === "symbol" && comma.text === ",") this.#lexer.next("expression");
    }
    return { kind: "write", items, at };
  }

  #onError(): Statement {
    const { at } = this.#lexer.next("command");
    this.#keyword("ERROR");
    if (this.#isWord("CONTINUE")) {
      this.#keyword("CONTINUE");
      return { kind: "onError", stops: false, at };
    }
    this.#keyword("STOP");
    return { kind: "onError", stops: true, at };
  }

  #exit(): Statement {
    const { at } = this.#lexer.next("command");
    return { kind: "exit", code: isStatementEnd(this.#lexer.peek("expression")) ? null : this.#expressions.parse(), at };
  }

  /** All up to the end of the statement, or to the parenthesis that ends it. */
  #command(): CommandNode {
    const args: Argument[] = [];
    const { at } = this.#lexer.peek("command");
    for (;;) {
      const token = this.#lexer.peek("command");
      if (isStatementEnd(token) || (token.kind === "symbol" && token.text === ")")) return this.#prepared(args, at, token.at);
      args.push(argumentFrom(this.#lexer.next("command")));
      if (args.length > ARGUMENTS_MAX) throw syntaxFault(`a command takes at most ${ARGUMENTS_MAX} arguments`, at);
    }
  }

  #prepared(args: readonly Argument[], at: Place, endAt: Place): CommandNode {
    const { verb, action } = prepareCommand(args, endAt);
    const first = args[0];
    const name = verb === undefined ? (first?.kind === "word" ? first.text.slice(0, 100) : "") : verbName(verb);
    const node: CommandNode = { name, at, action: action instanceof SmError ? placed(action, at) : action };
    if (node.action instanceof SmError) this.#wrong.push(node);
    return node;
  }
}

function placed(error: SmError, at: Place): SmError {
  return typeof error.data.line === "number" ? error : faultAt(error.code, error.message, at);
}

function blockEnd(token: Token): BlockEnd | undefined {
  return token.kind === "word" ? BLOCK_ENDS.find((word) => word === token.text.toUpperCase()) : undefined;
}

function isStatementEnd(token: Token): boolean {
  return token.kind === "separator" || token.kind === "end" || blockEnd(token) !== undefined;
}

function argumentFrom(token: Token): Argument {
  switch (token.kind) {
    case "word":
    case "text":
    case "variable":
    case "json":
      return token;
    case "symbol":
      if (token.text === "=" || token.text === ",") return { kind: "symbol", text: token.text, at: token.at };
      throw syntaxFault(`${tokenText(token)} has a meaning of its own: put what contains it into quotes`, token.at);
    default:
      throw missing("an argument", token);
  }
}
