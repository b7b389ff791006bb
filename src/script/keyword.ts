// Words of commands: how a script may write them, and how the help does.

/** What a command looks like. */
export interface Syntax {
  /** As a syntax line prints them: of a word in mixed case the capitals are its short form. */
  readonly words: readonly string[];
  /** What follows the words. */
  readonly form: string;
}

/** "REPSET RULE ADD <path> …", as the help shows it. */
export function syntaxLine({ words, form }: Syntax): string {
  return [...words, form].filter((part) => part !== "").join(" ");
}

export function verbName({ words }: Pick<Syntax, "words">): string {
  return words.join(" ").toUpperCase();
}

/** Does a word of a script say this keyword? In full, or by its capitals where it has others, too. */
export function isKeyword(keyword: string, word: string): boolean {
  const upper = word.toUpperCase();
  return upper === keyword.toUpperCase() || (/[a-z]/.test(keyword) && upper === keyword.replace(/[a-z]/g, ""));
}
