import type { ApiCommands } from "../../control/api.js";
import type { ConnectionOutcome, ReloadReport, SettingOutcome, SettingReport } from "../../model/config-control.js";
import { type Column, formatTable } from "./table.js";

interface Fault {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly expected: string;
  readonly got: string;
}

interface Check {
  readonly files: readonly string[];
  readonly errors: readonly Fault[];
  readonly warnings: readonly Fault[];
}

function faultText({ file, line, column, path, expected, got }: Fault): string {
  const place = line > 0 ? `${file}:${line}:${column}` : file;
  return `${place}: ${path === "" ? "" : `${path}: `}expected ${expected}, got ${got}`;
}

export function formatCheck({ files, errors, warnings }: Check): string {
  const lines = [...errors.map(faultText), ...warnings.map((warning) => `warning: ${faultText(warning)}`)];
  const count = `${files.length} file${files.length === 1 ? "" : "s"} checked`;
  const end = errors.length === 0 ? `${count}: no errors` : `${count}: ${errors.length} error${errors.length === 1 ? "" : "s"}`;
  return [...lines, end].join("\n");
}

interface Edited {
  readonly file: string;
  readonly key: string;
  readonly value?: unknown;
  readonly isChanged: boolean;
  readonly warnings: readonly string[];
}

/** By the agent, or in the file alone. */
export function formatChanged(changed: { readonly reload: ReloadReport } | Edited): string {
  if ("reload" in changed) return formatReload(changed.reload);
  const { file, key, value, isChanged, warnings } = changed;
  const told = value === undefined ? `${key} is not in ${file}` : `${key} is ${valueText(value)} in ${file}`;
  return [`${told}${isChanged ? "" : ", as before"}`, ...warnings.map((warning) => `warning: ${warning}`)].join("\n");
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function effectText({ effect, next }: Pick<SettingReport, "effect" | "next">): string {
  return effect === "now" ? "at once" : effect === "next" ? `for new ${next}` : "at the next start";
}

function originText({ from, place }: SettingReport): string {
  return place === "" ? from : `${from} (${place})`;
}

const WIDTH = 120;

const COLUMNS: readonly Column<SettingReport>[] = [
  { header: "KEY", cell: ({ key }) => key },
  {
    header: "VALUE",
    cell: ({ value, pending }) => (pending === null ? valueText(value) : `${valueText(value)} (${valueText(pending.value)} after a restart)`),
  },
  { header: "FROM", cell: ({ from }) => from },
  { header: "A CHANGE IS IN FORCE", cell: effectText },
];

/** One of them with all that there is to say; several as a table. */
export function formatSettings(settings: readonly SettingReport[]): string {
  const [only] = settings;
  if (settings.length === 1 && only !== undefined) return formatSetting(only);
  return formatTable(settings, COLUMNS, WIDTH);
}

function formatSetting(setting: SettingReport): string {
  const { key, value, preset, variable, pending, expected, reason } = setting;
  return [
    `${key}: ${valueText(value)}`,
    ...(pending === null ? [] : [`  needs a restart: ${valueText(pending.value)} is configured, and not in force yet`]),
    `  from ${originText(setting)}`,
    `  default ${valueText(preset)}: ${reason}`,
    `  takes ${expected}`,
    `  a change is in force ${effectText(setting)}`,
    `  environment: ${variable}`,
  ].join("\n");
}

function outcomeText(outcome: SettingOutcome): string {
  const change = `${outcome.key}: ${valueText(outcome.before)} → ${valueText(outcome.after)}`;
  if (outcome.hiddenBy !== null) return `${change}, hidden by \`${outcome.hiddenBy}\``;
  if (outcome.effect === "restart") return `${change}, needs a restart`;
  return outcome.effect === "now" ? `${change}, in force` : `${change}, in force for new ${outcome.next}`;
}

function connectionText({ file, action, connectionId, changes, message }: ConnectionOutcome): string {
  const id = connectionId === null ? "" : ` (connection ${connectionId})`;
  const what = changes.length === 0 ? "" : `: ${changes.join(", ")}`;
  return `connections.d/${file}.yaml${id}: ${action}${what}${message === null ? "" : `: ${message}`}`;
}

export function formatReload(report: ReloadReport): string {
  const { settings, repsets, connections, needsRestart, warnings, isDryRun } = report;
  const told = connections.filter(({ action }) => action !== "unchanged");
  const lines = [
    ...settings.map(outcomeText),
    ...repsets.map(({ name, change }) => `replication set ${name}: ${change}`),
    ...told.map(connectionText),
    ...warnings.map((warning) => `warning: ${warning}`),
  ];
  const waiting = needsRestart.filter((key) => !settings.some((setting) => setting.key === key));
  if (waiting.length > 0) lines.push(`still needs a restart: ${waiting.join(", ")}`);
  if (lines.length === 0) return "nothing changed";
  return (isDryRun ? ["nothing was done; this would be:", ...lines] : lines).join("\n");
}

/** Something is not as its file says. */
export function isIncomplete({ connections }: ApiCommands["config.reload"]["output"]["reload"]): boolean {
  return connections.some(({ action }) => action === "failed" || action === "kept");
}
