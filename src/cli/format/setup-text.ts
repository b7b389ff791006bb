// The end of a set-up: what was written, and what comes next.

export interface SetupResult {
  readonly file: string;
  readonly isWritten: boolean;
  readonly text: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly groups: { readonly made: readonly string[]; readonly missing: readonly string[] };
  readonly warnings: readonly string[];
  readonly next: readonly { readonly command: string; readonly purpose: string }[];
}

/** A dry run is the file, and nothing else. */
export function formatSetup({ file, isWritten, text, settings, groups, warnings, next }: SetupResult): string {
  if (!isWritten) return text.trimEnd();
  const said = Object.entries(settings).map(([key, value]) => `  ${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [
    `${file} is written; what is not named here has its default:`,
    ...(said.length === 0 ? ["  all has its default"] : said),
    ...(groups.made.length === 0 ? [] : [`made: the group ${groups.made.join(" and the group ")}`]),
    ...warnings.map((warning) => `warning: ${warning}`),
    "next:",
    ...next.map(({ command, purpose }) => `  ${command}\n      ${purpose}`),
  ].join("\n");
}
