// Globs of replication-set rules: taken apart into path components, each compiled once into a test of one name.
//   /data/logs/*.{log,tmp}   literal prefix /data/logs, glob *.{log,tmp}, alternatives *.log and *.tmp
// The syntax is micromatch's (* ? [a-z] [[:digit:]] {a,b} {1..9} @(a|b) ?(a) !(a) ** and \ before a character meant
// literally), without what has unbounded cost on a hostile name: +(…), *(…), groups in groups, and more than
// STARS_MAX stars in one component.
// Tests see a name as bytes (see byte-path.ts). "?" and classes stand for one UTF-8 character; a byte that is not part of
// valid UTF-8 counts as one character that no literal and no listed character equals.

import micromatch from "micromatch";
import { SmError } from "../base/errors.js";
import { bytesFromText, textFromBytes } from "./byte-path.js";

/** Alternatives that the braces of one rule may stand for. */
export const ALTERNATIVES_MAX = 256;
/** A name of 255 bytes costs a backtracking matcher about 255 over STARS_MAX steps: 3 stars stay below 10 ms. */
export const STARS_MAX = 3;

/** A test of one name, in the cheapest form that fits. */
export type NameTest =
  | { readonly kind: "any" }
  | { readonly kind: "literal"; readonly bytes: string }
  | { readonly kind: "suffix"; readonly bytes: string }
  | { readonly kind: "prefix"; readonly bytes: string }
  | { readonly kind: "regex"; readonly regex: RegExp };

/** One component of a glob: "**" stands for any number of components. */
export type GlobStep = NameTest | "**";

export interface RulePathParts {
  /** Components of the literal prefix as bytes, escapes taken out; empty for "/". */
  readonly literal: readonly string[];
  /** What follows the prefix, as written; "" = the rule has no glob. */
  readonly glob: string;
}

type Token =
  | { readonly kind: "char"; readonly text: string }
  | { readonly kind: "star" }
  | { readonly kind: "one" }
  | { readonly kind: "class"; readonly source: string }
  | { readonly kind: "group"; readonly sign: string; readonly branches: readonly (readonly Token[])[] };

const POSIX: Readonly<Record<string, string>> = {
  alnum: "a-zA-Z0-9",
  alpha: "a-zA-Z",
  blank: " \\t",
  digit: "0-9",
  lower: "a-z",
  punct: "!-\\/:-@\\[-`{-~",
  space: " \\t\\r\\n\\v\\f",
  upper: "A-Z",
  word: "A-Za-z0-9_",
  xdigit: "A-Fa-f0-9",
};

function illegal(glob: string, reason: string): never {
  throw new SmError("REPSET_RULE_ILLEGAL", `glob ${JSON.stringify(glob)}: ${reason}`, { data: { glob, reason } });
}

/** Index of the "]" that ends the class opened at `open`, or -1 when it is a plain "[". */
function classEnd(text: string, open: number): number {
  let at = open + 1;
  if (text[at] === "!" || text[at] === "^") at += 1;
  if (text[at] === "]") at += 1;
  for (; at < text.length && text[at] !== "/"; at++) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "[" && text[at + 1] === ":") at = Math.max(at, text.indexOf(":]", at) + 1);
    else if (text[at] === "]") return at;
  }
  return -1;
}

interface BraceGroup {
  readonly end: number;
  readonly parts: readonly string[];
}

/** The group opened by the "{" at `open`; undefined when it is a plain "{" (no comma, no range, not closed). */
function braceGroup(text: string, open: number): BraceGroup | undefined {
  const parts: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let at = open; at < text.length; at++) {
    const c = text[at];
    if (c === "\\") at += 1;
    else if (c === "[") at = Math.max(at, classEnd(text, at));
    else if (c === "{") depth += 1;
    else if (c === "," && depth === 1) {
      parts.push(text.slice(start, at));
      start = at + 1;
    } else if (c === "}") {
      depth -= 1;
      if (depth > 0) continue;
      const last = text.slice(start, at);
      if (parts.length > 0) return { end: at, parts: [...parts, last] };
      const range = rangeParts(last);
      return range === undefined ? undefined : { end: at, parts: range };
    }
  }
  return undefined;
}

function rangeParts(text: string): readonly string[] | undefined {
  const numbers = /^(-?\d{1,9})\.\.(-?\d{1,9})$/.exec(text);
  const letters = numbers === null ? /^([A-Za-z])\.\.([A-Za-z])$/.exec(text) : null;
  const [, low, high] = numbers ?? letters ?? [];
  if (low === undefined || high === undefined) return undefined;
  const from = numbers ? Number(low) : low.charCodeAt(0);
  const to = numbers ? Number(high) : high.charCodeAt(0);
  const count = Math.abs(to - from) + 1;
  if (count > ALTERNATIVES_MAX) illegal(`{${text}}`, `stands for more than ${ALTERNATIVES_MAX} alternatives`);
  const width = numbers && [low, high].some((end) => /^-?0\d/.test(end)) ? Math.max(low.length, high.length) : 0;
  return Array.from({ length: count }, (_, i) => {
    const value = from + (to < from ? -i : i);
    if (!numbers) return String.fromCharCode(value);
    return value < 0 ? `-${String(-value).padStart(width - 1, "0")}` : String(value).padStart(width, "0");
  });
}

/** Every pattern without braces that `glob` stands for. */
export function expandBraces(glob: string): readonly string[] {
  const done: string[] = [];
  const waiting: { readonly text: string; readonly from: number }[] = [{ text: glob, from: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { text } = next;
    let at = next.from;
    let group: BraceGroup | undefined;
    for (; at < text.length; at++) {
      if (text[at] === "\\") at += 1;
      else if (text[at] === "[") at = Math.max(at, classEnd(text, at));
      else if (text[at] === "{") group = braceGroup(text, at);
      if (group) break;
    }
    if (!group) done.push(text);
    else for (const part of [...group.parts].reverse()) waiting.push({ text: text.slice(0, at) + part + text.slice(group.end + 1), from: at });
    if (done.length + waiting.length > ALTERNATIVES_MAX) illegal(glob, `its braces stand for more than ${ALTERNATIVES_MAX} alternatives`);
  }
  return [...new Set(done)];
}

/** Where the first wildcard starts, or -1. */
function firstMagic(path: string): number {
  for (let at = 0; at < path.length; at++) {
    const c = path[at];
    if (c === "\\") at += 1;
    else if (c === "*" || c === "?") return at;
    else if (c === "[" && classEnd(path, at) > 0) return at;
    else if (c === "{" && braceGroup(path, at)) return at;
    else if ((c === "@" || c === "!" || c === "+") && path[at + 1] === "(") return at;
  }
  return -1;
}

/** Takes a rule path apart; the path must be absolute. */
export function splitRulePath(path: string): RulePathParts {
  const magic = firstMagic(path);
  const slash = magic < 0 ? path.length : path.lastIndexOf("/", magic);
  const plain = path.slice(1, Math.max(1, slash)).replace(/\\(.)/gsu, "$1");
  return { literal: plain === "" ? [] : bytesFromText(plain).split("/"), glob: magic < 0 ? "" : path.slice(slash + 1) };
}

/** A rule path (or the literal part of one) that names exactly these bytes' text: wildcards are escaped. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]{}]|[@!+](?=\()/g, "\\$&");
}

function parseClass(glob: string, text: string, open: number, close: number): Token {
  const negated = text[open + 1] === "!" || text[open + 1] === "^";
  const items = [...text.slice(open + (negated ? 2 : 1), close)];
  let source = "";
  let low: string | undefined;
  for (let i = 0; i < items.length; i++) {
    let c = items[i] ?? "";
    if (c === "[" && items[i + 1] === ":") {
      const end = items.indexOf(":", i + 2);
      const name = items.slice(i + 2, end).join("");
      source += POSIX[name] ?? illegal(glob, `unknown character class [:${name}:]`);
      i = end + 1;
      low = undefined;
      continue;
    }
    if (c === "-" && low !== undefined && i + 1 < items.length) {
      let high = items[++i] ?? "";
      if (high === "\\") high = items[++i] ?? "";
      if ((high.codePointAt(0) ?? 0) < (low.codePointAt(0) ?? 0)) illegal(glob, `the range ${low}-${high} runs backwards`);
      source += `-${escapeInClass(high)}`;
      low = undefined;
      continue;
    }
    if (c === "\\") c = items[++i] ?? "";
    source += escapeInClass(c);
    low = c;
  }
  return { kind: "class", source: `[${negated ? "^" : ""}${source}]` };
}

const escapeInClass = (c: string): string => (/[\\\]^[-]/.test(c) ? `\\${c}` : c);

/** Splits a component without braces into tokens. */
function tokenize(glob: string, text: string, isInGroup: boolean): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; at++) {
    const c = text[at] ?? "";
    const close = c === "[" ? classEnd(text, at) : -1;
    if (c === "\\" && at + 1 < text.length) {
      const escaped = String.fromCodePoint(text.codePointAt(at + 1) ?? 0);
      tokens.push({ kind: "char", text: escaped });
      at += escaped.length;
    } else if ("@!?+*".includes(c) && text[at + 1] === "(") {
      if (isInGroup) illegal(glob, "a group inside a group");
      if (c === "+" || c === "*") illegal(glob, `the repeating group ${c}(…) is not supported; write \\( for a parenthesis of the name`);
      const { branches, end } = splitGroup(glob, text, at + 1);
      tokens.push({ kind: "group", sign: c, branches: branches.map((branch) => tokenize(glob, branch, true)) });
      at = end;
    } else if (c === "*") {
      if (tokens.at(-1)?.kind !== "star") tokens.push({ kind: "star" });
    } else if (c === "?") tokens.push({ kind: "one" });
    else if (close > 0) {
      tokens.push(parseClass(glob, text, at, close));
      at = close;
    } else tokens.push({ kind: "char", text: c });
  }
  return tokens;
}

function splitGroup(glob: string, text: string, open: number): { branches: string[]; end: number } {
  const branches: string[] = [];
  let start = open + 1;
  for (let at = start; at < text.length; at++) {
    const c = text[at];
    if (c === "\\") at += 1;
    else if (c === "[") at = Math.max(at, classEnd(text, at));
    else if (c === "(" && "@!?+*".includes(text[at - 1] ?? "")) illegal(glob, "a group inside a group");
    else if (c === "|" || c === ")") {
      branches.push(text.slice(start, at));
      start = at + 1;
      if (c === ")") return { branches, end: at };
    }
  }
  return illegal(glob, "a group is not closed within its path component");
}

const isChar = (token: Token): token is Token & { kind: "char" } => token.kind === "char";
const charText = (tokens: readonly Token[]): string => tokens.map((token) => (isChar(token) ? token.text : "")).join("");

function countStars(tokens: readonly Token[]): number {
  return tokens.reduce(
    (sum, t) => sum + (t.kind === "star" ? 1 : t.kind === "group" ? t.branches.reduce((s, b) => s + countStars(b), t.sign === "!" ? 1 : 0) : 0),
    0,
  );
}

/** The same pattern with nothing left that micromatch reads otherwise than it is meant here (quotes, plain parentheses, regex signs). */
function patternOf(tokens: readonly Token[]): string {
  return tokens.map(patternOfToken).join("");
}

function patternOfToken(token: Token): string {
  switch (token.kind) {
    case "star":
      return "*";
    case "one":
      return "?";
    case "class":
      return token.source;
    case "group":
      return `${token.sign}(${token.branches.map(patternOf).join("|")})`;
    case "char":
      return /[\\*?[\]{}()!+@|^$"',<>]/.test(token.text) ? `\\${token.text}` : token.text;
  }
}

const REGEX_OPTIONS = { dot: true, nonegate: true, nobrace: true, literalBrackets: false, regex: false, posix: false };

function compileRegex(glob: string, tokens: readonly Token[]): NameTest {
  // Unicode mode makes "?" one character; it forbids escapes of characters that need none, so these are taken out.
  const source = micromatch
    .makeRe(patternOf(tokens), REGEX_OPTIONS)
    .source.replace(/\\([\s\S])/g, (all, c: string) => (/[\w^$\\.*+?()[\]{}|/-]/.test(c) ? all : c));
  try {
    return { kind: "regex", regex: new RegExp(source, "us") };
  } catch (error) {
    throw new SmError("REPSET_RULE_ILLEGAL", `glob ${JSON.stringify(glob)}: cannot be compiled`, {
      cause: error,
      data: { glob, reason: "cannot be compiled" },
    });
  }
}

function compileComponent(glob: string, text: string): GlobStep {
  if (text === "**") return "**";
  const tokens = tokenize(glob, text, false);
  const rest = tokens.filter((token) => token.kind !== "star");
  if (tokens.length === 1 && rest.length === 0) return { kind: "any" };
  if (rest.every(isChar)) {
    const bytes = bytesFromText(charText(rest));
    if (rest.length === tokens.length) return { kind: "literal", bytes };
    if (rest.length === tokens.length - 1 && tokens[0]?.kind === "star") return { kind: "suffix", bytes };
    if (rest.length === tokens.length - 1 && tokens.at(-1)?.kind === "star") return { kind: "prefix", bytes };
  }
  if (countStars(tokens) > STARS_MAX) illegal(glob, `more than ${STARS_MAX} stars in one path component`);
  return compileRegex(glob, tokens);
}

/** Every alternative of a glob as the steps of its components. */
export function compileGlob(glob: string): readonly (readonly GlobStep[])[] {
  return expandBraces(glob).map((pattern) => {
    const components = pattern.split("/");
    if (components.some((c) => c === "" || c === "." || c === "..")) illegal(glob, 'an empty, "." or ".." component');
    return components.map((component) => compileComponent(glob, component));
  });
}

/** Characters of a glob that stand for themselves; braces, groups and classes count nothing. */
export function literalCharacters(glob: string): number {
  let count = 0;
  for (let at = 0; at < glob.length; at++) {
    const c = glob[at] ?? "";
    if (c === "\\") {
      at += 1;
      count += 1;
    } else if (c === "[" && classEnd(glob, at) > 0) at = classEnd(glob, at);
    else if (c === "{" && braceGroup(glob, at)) at = braceGroup(glob, at)?.end ?? at;
    else if ("@!?+*".includes(c) && glob[at + 1] === "(") at = splitGroup(glob, glob, at + 1).end;
    else if (c !== "*" && c !== "?" && c !== "/") count += 1;
  }
  return count;
}

/** The name as text for character tests: a byte outside valid UTF-8 becomes the lone surrogate U+DC00 + byte. */
export function nameCharacters(name: string): string {
  const text = textFromBytes(name);
  if (text !== undefined) return text;
  return name.replace(/[\x00-\x7f]+|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[\x80-\xff]/g, (part) =>
    part.charCodeAt(0) < 0x80 ? part : (textFromBytes(part) ?? [...part].map((c) => String.fromCharCode(0xdc00 + c.charCodeAt(0))).join("")),
  );
}

export function testName(test: NameTest, name: string): boolean {
  switch (test.kind) {
    case "any":
      return true;
    case "literal":
      return name === test.bytes;
    case "suffix":
      return name.endsWith(test.bytes);
    case "prefix":
      return name.startsWith(test.bytes);
    case "regex":
      return test.regex.test(/[\x80-\xff]/.test(name) ? nameCharacters(name) : name);
  }
}
