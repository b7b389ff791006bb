// What a stream allows: a terminal has a width and, unless somebody objects, colours. A file or a pipe gets everything, plain.

export interface Terminal {
  /** In columns; Infinity where there is no terminal. */
  readonly width: number;
  readonly isColored: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;
type Stream = Pick<NodeJS.WriteStream, "isTTY" | "columns">;

/** `refusesColor`: --no-color was given. NO_COLOR counts when it is not empty (https://no-color.org). */
export function terminalOf(stream: Stream, env: Environment, refusesColor: boolean): Terminal {
  if (stream.isTTY !== true) return { width: Number.POSITIVE_INFINITY, isColored: false };
  const wantsNone = refusesColor || (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb";
  // A terminal that does not know its size says 0.
  return { width: stream.columns > 0 ? stream.columns : 80, isColored: !wantsNone };
}

/** A screen that is redrawn takes keys, and a terminal that can move its cursor. */
export function canRedraw(input: Pick<NodeJS.ReadStream, "isTTY">, output: Stream, env: Environment): boolean {
  return input.isTTY === true && output.isTTY === true && env.TERM !== "dumb";
}
