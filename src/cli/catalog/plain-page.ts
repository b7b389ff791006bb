// A man page as text for a file, a pipe, or a terminal without the program man: reads the macros that man-page.ts writes, and no others.

const INDENT = 7;
const INDENT_OF_ITEM = 14;

/** `width`: in columns; examples and files stay as they are, however wide. */
export function plainPage(roff: string, width: number): string {
  const page = new PlainPage(width);
  for (const line of roff.trimEnd().split("\n")) page.take(line);
  return page.text();
}

class PlainPage {
  readonly #width: number;
  readonly #lines: string[] = [];
  /** Of the paragraph that is not over. */
  #words: string[] = [];
  #indent = INDENT;
  #isFilled = true;
  #isTerm = false;
  #isAfterHeading = false;

  constructor(width: number) {
    this.#width = width;
  }

  take(line: string): void {
    const [, macro = "", rest = ""] = /^\.([A-Za-z]+) ?(.*)$/.exec(line) ?? [];
    if (macro === "") this.#takeText(unescaped(line));
    else this.#takeMacro(macro, unescaped(rest));
  }

  text(): string {
    this.#endParagraph();
    return `${this.#lines.join("\n")}\n`;
  }

  #takeText(text: string): void {
    this.#isAfterHeading = false;
    if (!this.#isFilled) this.#lines.push(text.trim() === "" ? "" : `${" ".repeat(INDENT)}${text}`);
    else if (this.#isTerm) {
      this.#lines.push(`${" ".repeat(INDENT)}${text}`);
      this.#isTerm = false;
      this.#indent = INDENT_OF_ITEM;
    } else this.#words.push(...text.split(" ").filter((word) => word !== ""));
  }

  #takeMacro(macro: string, rest: string): void {
    if (macro === "B" || macro === "I") {
      this.#takeText(rest);
      return;
    }
    this.#endParagraph();
    this.#indent = INDENT;
    if (macro === "TH") this.#lines.push(titleOf(rest));
    else if (macro === "nf" || macro === "fi") this.#isFilled = macro === "fi";
    else {
      if (macro === "SH" || !this.#isAfterHeading) this.#lines.push("");
      if (macro === "SH") this.#lines.push(rest);
      this.#isAfterHeading = macro === "SH";
      this.#isTerm = macro === "TP";
    }
  }

  #endParagraph(): void {
    const margin = " ".repeat(this.#indent);
    let line = "";
    for (const word of this.#words) {
      if (line !== "" && margin.length + line.length + 1 + word.length > this.#width) {
        this.#lines.push(margin + line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    if (line !== "") this.#lines.push(margin + line);
    this.#words = [];
  }
}

/** `"SM-CONNECT" 1 "" "sm 1.2.3" "sm manual"` */
function titleOf(heading: string): string {
  const [name = "", section = "", , version = ""] = [...heading.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
  return `${name}(${section}) - ${version}`;
}

const SIGNS: Readonly<Record<string, string>> = { "\\-": "-", "\\e": "\\", "\\&": "", "\\(aq": "'", "\\(ha": "^", "\\(ti": "~" };

function unescaped(line: string): string {
  return line.replace(/\\(?:f[BR]|\[u([0-9A-F]+)\]|\([a-z]{2}|.)/g, (sign, point: string | undefined) => {
    if (point !== undefined) return String.fromCodePoint(Number.parseInt(point, 16));
    return sign.startsWith("\\f") ? "" : (SIGNS[sign] ?? sign);
  });
}
