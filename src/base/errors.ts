// The one error class of the program and the one table of its codes.
// Every code says what the program does about it (disposition), how the CLI
// exits, which HTTP status a face answers, and what an operator can do.

export type Disposition = "retry" | "halt" | "reject" | "bug";

export interface ErrorEntry {
  readonly disposition: Disposition;
  readonly exitCode: number;
  readonly httpStatus: number;
  /** One sentence for the operator: the remedy. */
  readonly hint: string;
}

const retry = (hint: string, exitCode = 4, httpStatus = 503): ErrorEntry => ({ disposition: "retry", exitCode, httpStatus, hint });
const halt = (hint: string): ErrorEntry => ({ disposition: "halt", exitCode: 4, httpStatus: 409, hint });
const reject = (hint: string, exitCode = 2, httpStatus = 400): ErrorEntry => ({ disposition: "reject", exitCode, httpStatus, hint });
const bug = (hint: string): ErrorEntry => ({ disposition: "bug", exitCode: 1, httpStatus: 500, hint });

export const ERRORS = {
  ASSERTION_FAILED: bug("This is a defect of sm: keep the log and report it; restarting the agent is safe."),
  INTERNAL: bug("This is a defect of sm: keep the log and report it; restarting the agent is safe."),
  CONFIG_INVALID: reject("Correct the fields named in the message, then run the command again."),
  USAGE: reject("Run the command with --help to see what it takes."),
  NOT_FOUND: reject("List what exists with `sm repset list`, `sm connection list` or `sm peer list`.", 2, 404),
  ALREADY_EXISTS: reject("Choose another name, or delete the existing object first.", 2, 409),
  REFUSED: reject("Use an account that may do this: the group smadmin and the role admin change things, smmon and monitor only read.", 7, 403),
  TIMEOUT: reject("The work goes on; run the command again with a longer --timeout, or look at `sm status`.", 6, 504),
  AGENT_UNREACHABLE: retry("Start the agent with `sm agent run`, or check SM_HOME / --runtime-dir; of another machine: `sm server show NAME`.", 3, 503),
  AGENT_RUNNING: reject("Another agent uses this state directory: stop it first, or set another SM_HOME.", 2, 409),
  REPSET_NAME_ILLEGAL: reject('Use a name without . ? < > : " / \\ * | and without control characters.'),
  REPSET_RULE_ILLEGAL: reject("Give an absolute path of at most 4,095 bytes, with globs after a literal directory."),
  REPSET_GENERATION: reject("Somebody else saved the replication set: read it again with `sm repset show`, then repeat the change.", 2, 409),
  REPSET_OVERLAP: reject("A path belongs to one replication set only: exclude it from one of the two sets.", 2, 409),
  REPSET_IN_USE: reject("Disconnect the connections of this replication set first.", 2, 409),
  REPSET_EMPTY: reject("Add at least one include rule with `sm repset rule add`."),
  ROOT_MISSING: halt("Mount the path named, or move the directory back: the connection goes on by itself."),
  ROOT_CHANGED: halt(
    "Mount the directory that was connected, or move it back: the connection goes on by itself; if the change is intended, disconnect and connect again.",
  ),
  MAP_INVALID: reject("Give --map SOURCE=TARGET with absolute paths; every include path of the set must lie under one SOURCE."),
  LOOP: reject(
    "What is replicated would come back to where it is from: choose a path outside of it, or disconnect one connection of the chain, then `sm mirror start CONN`.",
  ),
  SOURCE_PATH_DENIED: reject("Exclude the directory named (`sm repset rule add SET --exclude PATH`), or include less."),
  TARGET_IN_USE: reject("Another connection writes to this target path: choose another path, or disconnect that one.", 2, 409),
  SOURCE_CONNECTED: reject("Disconnect it on the source (`sm disconnect CONN`), or stop the agent there; the target forgets it then.", 2, 409),
  TARGET_PATH_DENIED: reject(
    "Choose a target path below `target.allowedRoots` of the target's configuration; never a system directory, one of the agent's own, or one of the programs that it runs (`taskDirectory`).",
  ),
  CONNECTION_EXISTS: reject("The set is connected to this place already: see `sm connection list`.", 2, 409),
  GUARD_HELD: reject(
    "Look at what the source lost or overwrote, then run `sm connection approve CONN` (send it) or `sm connection reject CONN` (keep the target).",
    4,
    409,
  ),
  JOB_CONFLICT: reject("`sm job list` shows what is running, `sm job stop JOB` ends it.", 4, 409),
  REPLICATION_STOPPED: reject("`sm replication start CONN` starts it again, with a mirror of what changed meanwhile; then repeat the command.", 4, 409),
  RESTORE_REQUIRED: halt(
    "Bring the data back with `sm restore start SET --from PEER`; or `sm mirror start CONN`, when the copy is to become as the source is now.",
  ),
  RESTORE_UNCERTAIN: reject("The copy may lack what its source had: restore with --orphans report or keep, and look at the names first.", 4, 409),
  NOT_A_COPY: reject("Wait until the target is a copy (`sm sync CONN`; `sm connection show CONN` says what it lacks), then repeat the command.", 4, 409),
  TASKS_OFF: reject(
    "Set tasks and taskDirectory of `source:` or `target:` in sm.yaml of the agent that is to run it, put the program there, and restart that agent.",
    7,
    403,
  ),
  HOOK_REFUSED: reject(
    "Set hooks and taskDirectory of `source:` in sm.yaml, restart the agent, and put the program there: of root, and writable by nobody else.",
    7,
    403,
  ),
  GUARD_NOT_HELD: reject("`sm connection show CONN` says whether a connection is held; after a rejection go on with `sm mirror start CONN`.", 2, 409),
  GUARD_REJECTED: halt("Put the source right (from the target, where needed), then `sm mirror start CONN`; nothing is removed on the target."),
  PEER_UNKNOWN: reject("Pair the servers: `sm peer bootstrap create` on the target, `sm peer bootstrap import -` on the source.", 7, 403),
  PEER_MISMATCH: halt(
    "The peer shows another certificate than the pinned one: if its identity was renewed, or its key rotated while this one was away for longer than the old one was kept, remove the peer and pair again.",
  ),
  IDENTITY_UNSAFE: halt("Run the command named; if others may have read the file, remove the identity directory and pair again."),
  FILE_UNSAFE: halt("Run the command named, and look at what the file says before the agent starts: others may have written it."),
  TOKEN_INVALID: reject("Make a new token with `sm peer bootstrap create`; a token works once and expires.", 7, 403),
  LOGIN_FAILED: reject(
    "Give a token as `sm user create` or `sm user token` printed it on that agent, or a certificate that belongs to one of its users.",
    7,
    401,
  ),
  LOGIN_LOCKED: reject("Too many logins failed: wait as many seconds as Retry-After says, then give the right token.", 7, 429),
  SERVER_UNKNOWN: reject("`sm server list` shows the servers that this account has stored; `sm server add NAME --address HOST:PORT` stores one.", 2, 404),
  SERVER_MISMATCH: reject(
    "Another machine may stand between, or the identity was renewed: compare with the fingerprint that `sm user token` prints there, then `sm server remove NAME`, and add it again.",
    7,
    403,
  ),
  SERVERS_UNSAFE: reject("Run the command named; if others may have read the file, make new tokens with `sm user token` on those servers."),
  SERVERS_INVALID: reject("Put the file with the servers right, or remove it and add them again with `sm server add`."),
  API_BUSY: retry("The control API serves as many clients as it may: close some, or try again later.", 4, 503),
  LISTEN_FAILED: reject("Choose a free address and port with --listen."),
  PROTOCOL: retry("The peer sent what sm.1 does not allow; if it repeats, compare the versions of both agents."),
  CHANNEL_LOST: retry("The link to the peer broke; the agent reconnects by itself."),
  PEER_BUSY: retry("The peer cannot take the connection now; the agent retries by itself."),
  JOURNAL_CORRUPT: retry("A queue segment was damaged; the connection repairs itself by a difference mirror."),
  JOURNAL_FULL: retry("The queue reached its limit; the connection repairs itself by a difference mirror. Raise queue.diskMiB to avoid this."),
  JOURNAL_IO: halt("The queue directory cannot be written: free space or repair the volume."),
  STATE_CORRUPT: halt("A file of the state directory is damaged: restore it, or remove it and connect again."),
  APPLY_RETRY: retry("The target cannot write now (see the reason); it keeps trying."),
  APPLY_FAILED: halt("The target could not apply a change; see `sm connection show CONN`."),
  FS_DENIED: retry("The file cannot be read: check the permissions of the account that runs the agent."),
  FS_VANISHED: retry("The file was removed while it was read; nothing is to be done."),
  FS_IO: retry("The file system reported an error; check the system log and the volume."),
  NAME_TOO_LONG: reject("Shorten the path: sm handles paths of up to 4,095 bytes."),
  WORKER_DIED: retry("A worker thread ended unexpectedly; the service is restarted."),
  CALENDAR_INVALID: reject("Correct the part named; `sm schedule preview EXPR` shows the next times that an expression gives."),
  TRANSMISSION_SETTING: reject("Look at what is set with `sm transmission show CONN`, then give the options that belong together."),
  SCRIPT_SYNTAX: reject("Correct the line named; `HELP`, in a script or in `sm shell`, shows every command and its form."),
  SCRIPT_VALUE: reject("Give a value that the command takes: the message names it; `HELP COMMAND` shows the form."),
  SCRIPT_SOURCE: reject("Name `localhost`, the machine of the agent, or a server that `sm server list` shows; `sm server add` stores one."),
  SCRIPT_NO_SOURCE: reject("Begin with `SOURCE localhost`: it says whose replication sets and connections the commands mean."),
  SCRIPT_TARGET: reject("Name a peer as `sm peer list` shows it, or `localhost`; a new one is paired by `sm peer bootstrap`."),
  SCRIPT_NO_COUNTERPART: reject("The message says what does it here; docs/command-language.md lists all commands."),
  DONE_WITH_PROBLEMS: reject("`sm connection show CONN`, or `sm job show JOB`, names what is left; put it right, and do it again.", 5, 409),
  SIMULATION: reject("Connect the set to a true target: a simulation stores nothing. `sm tdu report CONN` shows what it found out.", 2, 409),
  COMMAND_UNKNOWN: reject("Run `sm --help` to see all commands.", 2, 404),
  METHOD_NOT_ALLOWED: reject("Use POST for commands that change something; GET works for those that only read.", 2, 405),
  REQUEST_TOO_LARGE: reject("Send less in one request: a body of the control API holds at most 1 MiB.", 2, 413),
  REQUEST_TIMEOUT: reject("Send the whole request at once: its body did not arrive in time.", 2, 408),
  UNSUPPORTED: reject("This platform lacks the interface named; see `sm status`."),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

export interface SmErrorOptions {
  readonly cause?: unknown;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Every error that crosses a seam of the program. `message` names the object and the reason; `hint` the remedy. */
export class SmError extends Error {
  readonly code: ErrorCode;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: SmErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SmError";
    this.code = code;
    this.data = options.data ?? {};
  }

  get entry(): ErrorEntry {
    return ERRORS[this.code];
  }

  get hint(): string {
    return ERRORS[this.code].hint;
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERRORS, value);
}

/** Turns anything thrown into an SmError, keeping it as the cause. */
export function toSmError(thrown: unknown, code: ErrorCode = "INTERNAL", context?: string): SmError {
  if (thrown instanceof SmError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new SmError(code, context === undefined ? text : `${context}: ${text}`, { cause: thrown });
}
