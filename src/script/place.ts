/** Where something stands in a script: both count from 1, columns in UTF-16 code units. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export function placeText({ line, column }: Place): string {
  return `line ${line}, column ${column}`;
}
