import { expect, test } from "vitest";
import { paint } from "../../src/cli/format/paint.js";
import { type Column, formatTable } from "../../src/cli/format/table.js";
import { textWidth } from "../../src/cli/format/text-width.js";
import { canRedraw, terminalOf } from "../../src/cli/terminal.js";

const TTY = { isTTY: true, columns: 100 } as const;
const FILE = { isTTY: false, columns: 0 } as unknown as typeof TTY;

test("a terminal has its width and colours, unless somebody objects; a file has neither", () => {
  expect(terminalOf(TTY, { TERM: "xterm" }, false)).toEqual({ width: 100, isColored: true });
  expect(terminalOf(TTY, { NO_COLOR: "" }, false).isColored).toBe(true);
  for (const objection of [terminalOf(TTY, { NO_COLOR: "1" }, false), terminalOf(TTY, {}, true), terminalOf(TTY, { TERM: "dumb" }, false)])
    expect(objection).toEqual({ width: 100, isColored: false });
  expect(terminalOf(FILE, {}, false)).toEqual({ width: Number.POSITIVE_INFINITY, isColored: false });
  expect(terminalOf({ isTTY: true, columns: 0 }, {}, false).width).toBe(80);
  expect([canRedraw(TTY, TTY, {}), canRedraw(FILE, TTY, {}), canRedraw(TTY, FILE, {}), canRedraw(TTY, TTY, { TERM: "dumb" })]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test("colours mark reasons, commands, errors and the heads of tables, and change no letter", () => {
  const text = "CONN  SET\n   1  ! X\n   ! CHANNEL_LOST: the link broke\n     command: sm peer list\n   advice: raise it\nplain";
  const painted = paint(text);
  expect(painted.replace(/\x1b\[\d+m/g, "")).toBe(text);
  expect(painted.split("\n")).toEqual([
    "\x1b[1mCONN  SET\x1b[22m",
    "   1  ! X",
    "   \x1b[33m! CHANNEL_LOST:\x1b[39m the link broke",
    "     \x1b[36mcommand: sm peer list\x1b[39m",
    "   \x1b[33madvice:\x1b[39m raise it",
    "plain",
  ]);
  expect(paint("error USAGE: what\nhint: that")).toBe("\x1b[31merror USAGE:\x1b[39m what\n\x1b[36mhint:\x1b[39m that");
});

interface Row {
  readonly name: string;
  readonly state: string;
  readonly place: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { header: "NAME", yields: 1, cell: ({ name }) => name },
  { header: "STATE", cell: ({ state }) => state },
  { header: "PLACE", yields: 2, cell: ({ place }) => place },
];
const ROWS: readonly Row[] = [
  { name: "a-name-of-some-length", state: "Mirroring at once", place: "/srv/a/long/place/indeed" },
  { name: "数据数据数据数据数据数据", state: "OK", place: "/b" },
];

test("a table gives up the least important column first, never wraps, and is whole without a terminal", () => {
  const whole = formatTable(ROWS, COLUMNS, Number.POSITIVE_INFINITY);
  expect(whole).toContain("a-name-of-some-length     Mirroring at once  /srv/a/long/place/indeed");
  expect(formatTable(ROWS, COLUMNS, 60).split("\n")[1]).toBe("a-name-of-some-length     Mirroring at once  /srv/a/long/pl…");
  expect(formatTable(ROWS, COLUMNS, 40).split("\n")[1]).toBe("a-name-of-so…  Mirroring at once  /srv/…");
  for (let width = 1; width <= 80; width++) {
    for (const line of formatTable(ROWS, COLUMNS, width).split("\n")) expect(textWidth(line), line).toBeLessThanOrEqual(width);
  }
});
