// Names on Linux are bytes, not text. A BytePath holds each byte of a path as one
// character U+0000…U+00FF ("latin1 text"): compact, comparable, usable as a Map key,
// and exact for every name. Relative to a root, "/" between components, "" = the root.

declare const bytePathBrand: unique symbol;

export type BytePath = string & { readonly [bytePathBrand]: true };

/** Longest path handled, in bytes (HP guide p. 4-1). */
export const PATH_BYTES_MAX = 4095;
/** Longest component the kernel takes, in bytes (NAME_MAX). */
export const NAME_BYTES_MAX = 255;

export const ROOT_PATH = "" as BytePath;

/** True for a relative path of latin1 characters with no empty, "." or ".." component and no NUL. */
export function isBytePath(text: string): text is BytePath {
  if (text === "") return true;
  if (text.length > PATH_BYTES_MAX) return false;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? 47 : text.charCodeAt(i);
    if (code === 0 || code > 255) return false;
    if (code !== 47) continue;
    const length = i - start;
    if (length === 0 || length > NAME_BYTES_MAX) return false;
    if (length === 1 && text.charCodeAt(start) === 46) return false;
    if (length === 2 && text.charCodeAt(start) === 46 && text.charCodeAt(start + 1) === 46) return false;
    start = i + 1;
  }
  return true;
}

export function joinPath(directory: BytePath, name: string): BytePath {
  return (directory === "" ? name : `${directory}/${name}`) as BytePath;
}

/** The directory part; ROOT_PATH for a name directly below the root. */
export function parentPath(path: BytePath): BytePath {
  const slash = path.lastIndexOf("/");
  return (slash < 0 ? "" : path.slice(0, slash)) as BytePath;
}

export function baseName(path: BytePath): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** True when `path` is `ancestor` or lies below it. */
export function isBelow(path: BytePath, ancestor: BytePath): boolean {
  return ancestor === "" || path === ancestor || (path.startsWith(ancestor) && path.charCodeAt(ancestor.length) === 47);
}

export function bytesFromText(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function toBuffer(bytes: string): Buffer {
  return Buffer.from(bytes, "latin1");
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The bytes as UTF-8 text, or undefined when they are none. */
export function textFromBytes(bytes: string): string | undefined {
  try {
    return utf8.decode(toBuffer(bytes));
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** For people: UTF-8 where valid, every other byte and every control character as \xNN. */
export function displayPath(bytes: string): string {
  const text = textFromBytes(bytes);
  const source = text ?? bytes;
  return source.replace(text === undefined ? /[^\x20-\x7e]/g : /[\x00-\x1f\x7f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
