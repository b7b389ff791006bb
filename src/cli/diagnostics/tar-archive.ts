// Files in memory as a tar archive (POSIX ustar): names of up to 255 bytes, contents of up to 8 GiB.

export interface ArchiveFile {
  /** Relative, with slashes. */
  readonly name: string;
  readonly content: Buffer;
}

const BLOCK = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const MODE = 0o600;

/** `atMs`: the time that all files bear. Throws RangeError on a name that does not fit. */
export function tarArchive(files: readonly ArchiveFile[], atMs: number): Buffer {
  const parts = files.flatMap(({ name, content }) => [headerOf(name, content.length, atMs), content, Buffer.alloc(padding(content.length))]);
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function padding(bytes: number): number {
  return (BLOCK - (bytes % BLOCK)) % BLOCK;
}

function headerOf(path: string, bytes: number, atMs: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const { name, prefix } = splitName(path);
  const octal = (value: number, offset: number, length: number): void => {
    header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, offset, "latin1");
  };
  header.write(name, 0, "utf8");
  octal(MODE, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(bytes, 124, 12);
  octal(Math.floor(atMs / 1000), 136, 12);
  // The checksum counts as blanks while it is made.
  header.write("        ", 148, "latin1");
  header.write("0", 156, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  header.write(prefix, 345, "utf8");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** At a slash, so that both parts fit. */
function splitName(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= NAME_BYTES) return { name: path, prefix: "" };
  for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (Buffer.byteLength(name) <= NAME_BYTES && Buffer.byteLength(prefix) <= PREFIX_BYTES) return { name, prefix };
  }
  throw new RangeError(`${path} is too long a name for an archive`);
}
