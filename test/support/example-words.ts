// The examples of the help as a shell would take them apart.

export interface ExampleWords {
  /** Of the program, without its name. */
  readonly words: readonly string[];
  /** Standard input comes from a file. */
  readonly hasInput: boolean;
}

/** Quotes are honoured; what is piped to others, or into a file, is left out. */
export function exampleWords(example: string): ExampleWords {
  const all: string[] = [];
  for (const [, single, double, bare] of example.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)) {
    if (bare === "|" || bare === ">") break;
    all.push(single ?? double ?? bare ?? "");
  }
  const input = all.indexOf("<");
  const command = input < 0 ? all : all.slice(0, input);
  const program = command.indexOf("sm");
  return { words: command.slice(program + 1), hasInput: input >= 0 };
}
