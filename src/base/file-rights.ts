// Whether a file is safe from the other accounts of the machine: pure, of what stat(2) tells. `own` is the account of the agent.

import { SmError } from "./errors.js";

export interface FileFacts {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const TYPE = 0o170000;
const DIRECTORY = 0o040000;
const LINK = 0o120000;
const GROUP_AND_OTHERS = 0o077;
const WRITE_OF_GROUP = 0o020;
const WRITE_OF_OTHERS = 0o002;
const READ_OF_OTHERS = 0o004;

/** A key, a pin, a token: nobody else may read it, put another in its place, or own it. `facts` of the name itself (lstat). */
export function secretFault(path: string, facts: FileFacts, own: number): SmError | undefined {
  const unsafe = (why: string, remedy: string, data = {}): SmError => new SmError("IDENTITY_UNSAFE", `${path} ${why}: ${remedy}`, { data: { path, ...data } });
  if ((facts.mode & TYPE) === LINK) return unsafe("is a symbolic link", "remove the link and put the file itself there");
  if (isForeign(facts, own)) return unsafe(`belongs to the account ${facts.uid}`, `see who put it there, then run chown ${own} ${path}`);
  if ((facts.mode & GROUP_AND_OTHERS) === 0) return undefined;
  const chmod = (facts.mode & TYPE) === DIRECTORY ? "700" : "600";
  return unsafe(`has mode ${modeText(facts)}, so other accounts may use it`, `run chmod ${chmod} ${path}`, { chmod });
}

/** What tells the agent what to do: others may read it, never write it. `facts` of what the name leads to (stat). */
export function orderFault(path: string, facts: FileFacts, own: number): SmError | undefined {
  const unsafe = (why: string, remedy: string): SmError => new SmError("FILE_UNSAFE", `${path} ${why}: ${remedy}`, { data: { path } });
  if (isForeign(facts, own)) return unsafe(`belongs to the account ${facts.uid}, which so decides what this agent does`, `run chown ${own} ${path}`);
  const isWritable = (facts.mode & WRITE_OF_OTHERS) !== 0 || ((facts.mode & WRITE_OF_GROUP) !== 0 && facts.gid !== 0);
  if (!isWritable) return undefined;
  return unsafe(`has mode ${modeText(facts)}, so other accounts may write it and decide what this agent does`, `run chmod go-w ${path}`);
}

export function isReadableByAll({ mode }: FileFacts): boolean {
  return (mode & READ_OF_OTHERS) !== 0;
}

/** Root may do everything anyway. */
function isForeign({ uid }: FileFacts, own: number): boolean {
  return uid !== own && uid !== 0;
}

function modeText({ mode }: FileFacts): string {
  return (mode & 0o7777).toString(8);
}
