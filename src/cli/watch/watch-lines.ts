// The live view as lines that fit a screen of any size. Pure: state, size and time in, lines out.

import { isJobOver, type JobReport } from "../../model/job.js";
import type { ConnectionReport, GoodbyeReport, TargetConnectionReport } from "../../model/status.js";
import { formatConnection, queueBytes } from "../format/connection-text.js";
import { jobFigure } from "../format/job-text.js";
import { formatMirrorLine } from "../format/mirror-text.js";
import { printable } from "../format/printable.js";
import { formatBytes, formatCount, formatDuration, formatPercent } from "../format/quantities.js";
import { fitText, foldText } from "../format/text-width.js";
import { rateUntil } from "../progress/rate-window.js";
import { cutLine, line, type ScreenLine, type Style, span, spread } from "./screen-line.js";
import { fitSections, type Section } from "./screen-sections.js";
import type { WatchMessage } from "./watch-message.js";
import { chosenConnection, connectionRateKey, type Question, targetRateKey, type WatchState } from "./watch-model.js";

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

const BAR_WIDTH = 10;
const NAME_WIDTH_MIN = 12;
/** Jobs that are over are shown while they are news. */
const JOBS_OVER_MAX = 2;

/** At most `rows` lines of at most `columns` columns; the last one says what the keys do. */
export function watchLines(state: WatchState, { columns, rows }: ScreenSize, nowMs: number): ScreenLine[] {
  const room = Math.max(0, rows - 2);
  const body = state.page === "connection" ? connectionPage(state, columns, room) : fitSections(overview(state, columns, nowMs), room);
  const filling = Array.from({ length: Math.max(0, room - body.length) }, () => line(""));
  const all = [header(state, columns, nowMs), ...body, ...filling, footer(state, columns)];
  return all.slice(0, rows).map((spans) => cutLine(spans, columns));
}

function header({ look: { report }, lost }: WatchState, columns: number, nowMs: number): ScreenLine {
  const { name, version, startedAt, memoryBytes } = report.agent;
  const up = formatDuration(nowMs - Date.parse(startedAt));
  const left = line(span(`sm ${name}`, "title"), span(` ${version}, up ${up}, ${formatBytes(memoryBytes)}`, "dim"));
  if (lost === null) return spread(left, line(span(clock(nowMs), "dim")), columns);
  return line(span(`sm ${name}`, "title"), " ", span(`does not answer since ${formatDuration(nowMs - lost.sinceMs)}: ${lost.why}`, "bad"));
}

function footer(state: WatchState, columns: number): ScreenLine {
  if (state.question !== null) return line(span(questionText(state.question, state), "chosen"));
  const keys = state.page === "connection" ? "↑↓ scroll  Esc back  p pause/resume  q leave" : "↑↓ choose  Enter look into  p pause/resume  q leave";
  return spread(line(span(keys, "dim")), state.lost === null ? [] : line(span("waiting for the agent", "bad")), columns);
}

function questionText({ kind, id }: Question, state: WatchState): string {
  const connection = chosenConnection(state);
  const name = connection === undefined ? `connection ${id}` : `connection ${id} (${connection.repset} → ${connection.target})`;
  return kind === "pause" ? `y/n  Pause the transmission of ${name}? Changes are queued meanwhile.` : `y/n  Resume the transmission of ${name}?`;
}

function clock(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8);
}

function overview(state: WatchState, columns: number, nowMs: number): Section[] {
  const { report, jobs } = state.look;
  const { connections, targets, captures, goodbyes } = report;
  const shownJobs = [...jobs.filter((job) => !isJobOver(job)), ...jobs.filter(isJobOver).slice(0, JOBS_OVER_MAX)];
  const troubled = captures.flatMap((capture) => capture.reasons.map((reason) => line(span(`  set ${capture.repset}: ${reason.message}`, "bad"))));
  const rows = connections.map((connection) => connectionRows(connection, state, columns, nowMs));
  const chosen = connections.findIndex(({ id }) => id === state.chosen);
  const sections: readonly Section[] = [
    { title: connectionHeader(columns), items: rows, itemsMin: 1, keep: Math.max(0, chosen) },
    { title: line(span("SETS", "title")), items: troubled.map((row) => [row]), itemsMin: 1 },
    { title: line(span("MIRRORS AND JOBS", "title")), items: [...mirrorRows(connections, columns), ...shownJobs.map(jobRow)], itemsMin: 1 },
    { title: line(span("TARGET OF", "title")), items: targets.map((target) => targetRows(target, state, nowMs)), itemsMin: 1 },
    { title: line(span("DISCONNECTED, AND THE TARGET IS NOT TOLD YET", "title")), items: goodbyes.map(goodbyeRow), itemsMin: 1 },
    { title: line(span("MESSAGES", "title")), items: state.messages.map(messageRow), itemsMin: 3, endIsNews: true },
  ];
  const isEmpty = connections.length === 0 && targets.length === 0;
  return [...(isEmpty ? [NOTHING] : []), ...sections.filter(({ items }) => items.length > 0)];
}

const NOTHING: Section = { title: line("nothing is connected: begin with `sm repset create`, then `sm connect`"), items: [], itemsMin: 0 };

function goodbyeRow({ connectionId, repset, target }: GoodbyeReport): ScreenLine[] {
  return [line(`  ${connectionId} ${repset} → ${target}`)];
}

/** Right columns of fixed width; what is left is for the name. */
const FIGURES = [
  { header: "STATE", width: 12 },
  { header: "DATA", width: 15 },
  { header: "QUEUE", width: 11 },
  { header: "LAG", width: 9 },
  { header: "SENDS", width: 11 },
] as const;

function figuresFor(columns: number): (typeof FIGURES)[number][] {
  const shown = [...FIGURES];
  const taken = (): number => shown.reduce((sum, { width }) => sum + width + 1, 0);
  // On a narrow screen the least telling go first: what the data is worth stays in the messages and on the page of the connection.
  for (const name of ["DATA", "LAG", "QUEUE"]) {
    if (columns - taken() < NAME_WIDTH_MIN + 5)
      shown.splice(
        shown.findIndex(({ header: title }) => title === name),
        1,
      );
  }
  return shown;
}

function rowOf(columns: number, name: string, cells: Readonly<Record<string, string>>): string {
  const figures = figuresFor(columns);
  const taken = figures.reduce((sum, { width }) => sum + width + 1, 0);
  const right = figures.map(({ header: title, width }) => fitText(cells[title] ?? "", width, title === "STATE" || title === "DATA" ? "left" : "right"));
  return [fitText(name, Math.max(NAME_WIDTH_MIN, columns - taken - 2)), ...right].join(" ");
}

function connectionHeader(columns: number): ScreenLine {
  return line(span(`  ${rowOf(columns, "CONNECTION", Object.fromEntries(FIGURES.map(({ header: title }) => [title, title])))}`, "title"));
}

function connectionRows(connection: ConnectionReport, { chosen, rates }: WatchState, columns: number, nowMs: number): ScreenLine[] {
  const { id, repset, target, state, targetDataState, transmitMode, queuedOps, lagMs, reasons } = connection;
  const rate = rateUntil(rates.get(connectionRateKey(id)) ?? [], nowMs);
  const shownState = state === "streaming" && transmitMode !== "Started" ? transmitMode : state;
  const row = rowOf(columns, `${id} ${repset} → ${target}`, {
    STATE: shownState,
    DATA: targetDataState,
    QUEUE: queuedOps < 100_000 ? `${formatCount(queuedOps)} ops` : formatBytes(queueBytes(connection)),
    LAG: formatDuration(lagMs),
    SENDS: `${formatBytes(rate)}/s`,
  });
  const isChosen = id === chosen;
  const style: Style = isChosen ? "chosen" : reasons.length > 0 ? "bad" : "plain";
  const first = reasons[0];
  const more = reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : "";
  return [line(span(`${isChosen ? ">" : " "} ${row}`, style)), ...(first === undefined ? [] : [line(span(`    ! ${first.message}${more}`, "bad"))])];
}

function mirrorRows(connections: readonly ConnectionReport[], columns: number): ScreenLine[][] {
  return connections
    .filter(({ mirror }) => mirror.outcome === "running" || mirror.status !== "Idle")
    .map(({ id, mirror }) => {
      const bar = mirror.percent === null || columns < 60 ? "" : `${barOf(mirror.percent)} `;
      return [line(`  mirror of ${id}  ${bar}${formatMirrorLine(mirror)}`)];
    });
}

function barOf(percent: number): string {
  const done = Math.max(0, Math.min(BAR_WIDTH, Math.floor((percent * BAR_WIDTH) / 100)));
  return `[${"#".repeat(done)}${".".repeat(BAR_WIDTH - done)}]`;
}

function jobRow(job: JobReport): ScreenLine[] {
  const { id, kind, repset, target, status, percent, message } = job;
  const isOver = isJobOver(job);
  const progress = isOver ? status : `${barOf(percent)} ${status} ${formatPercent(percent)}`;
  const text = `  job ${id}  ${progress}, ${kind} of ${repset} on ${target}, ${jobFigure(job)}${message === null ? "" : `: ${message}`}`;
  return [line(span(text, status === "Failed" ? "bad" : isOver ? "dim" : "plain"))];
}

function targetRows(target: TargetConnectionReport, { rates }: WatchState, nowMs: number): ScreenLine[] {
  const { connectionId, repset, source, online, receivedBytes, pause, reasons } = target;
  const rate = rateUntil(rates.get(targetRateKey(target)) ?? [], nowMs);
  const state = pause === "no" ? (online ? "online" : "offline") : pause === "paused" ? "Paused" : "Pause Pending";
  const text = `  ${connectionId} ${repset} from ${source}  ${state}, receives ${formatBytes(rate)}/s, ${formatBytes(receivedBytes)} received`;
  const first = reasons[0];
  return [line(span(text, online ? "plain" : "bad")), ...(first === undefined ? [] : [line(span(`    ! ${first.message}`, "bad"))])];
}

function messageRow({ atMs, tone, text }: WatchMessage): ScreenLine[] {
  return [line(span(`  ${clock(atMs)} `, "dim"), span(text, tone === "plain" ? "plain" : tone))];
}

/** Everything that is told of one connection; long lines are folded, so that nothing is lost. */
function connectionPage(state: WatchState, columns: number, room: number): ScreenLine[] {
  const lines = pageLines(state, columns);
  const first = Math.min(state.scroll, Math.max(0, lines.length - room));
  return lines.slice(first, first + room);
}

function pageLines(state: WatchState, columns: number): ScreenLine[] {
  const connection = chosenConnection(state);
  if (connection === undefined) return [];
  return formatConnection(connection)
    .split("\n")
    .flatMap((text, index) =>
      foldText(printable(text), columns).map((piece) => line(span(piece, /^ *! /.test(text) ? "bad" : index === 0 ? "title" : "plain"))),
    );
}

/** How far the page can be scrolled. */
export function scrollMax(state: WatchState, { columns, rows }: ScreenSize): number {
  return state.page === "connection" ? Math.max(0, pageLines(state, columns).length - Math.max(0, rows - 2)) : 0;
}
