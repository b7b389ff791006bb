// One line that is written anew while something is counted; where no terminal is, a line now and then says that it goes on.

export interface Counting {
  update(text: string): void;
  close(): void;
}

const LINE_EVERY_MS = 10_000;

/** Null = nothing is said. */
export function openCounting(stream: NodeJS.WriteStream | null): Counting {
  let saidMs = performance.now();
  return {
    update: (text) => {
      if (stream === null || (!stream.isTTY && performance.now() - saidMs < LINE_EVERY_MS)) return;
      saidMs = performance.now();
      stream.write(stream.isTTY ? `\r\x1b[K${text} so far` : `${text} so far\n`);
    },
    close: () => {
      if (stream?.isTTY === true) stream.write("\r\x1b[K");
    },
  };
}
