import { isToBeRestored } from "../connection/restore-hold.js";
import type { SourceConnection } from "../connection/source-connection.js";
import type { RepsetSource } from "./repset-source.js";

const WAIT_MS = 10_000;

/** All that happened on the source until now has come to the connection when it resolves; or its source is away, or does not answer. */
export async function sourceSettled({ id, isSourceHalted }: SourceConnection, source: Pick<RepsetSource, "barrier"> | undefined): Promise<void> {
  if (source === undefined || isSourceHalted) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, WAIT_MS);
  });
  const barrier = source.barrier(id).then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([barrier, late]);
  clearTimeout(timer);
}

/** Of a source that is to be restored first: what it lost until now is not sent, which takes that it was seen. */
export async function settleHeld(connection: SourceConnection, source: Pick<RepsetSource, "barrier">): Promise<void> {
  if (isToBeRestored(connection)) await sourceSettled(connection, source);
}
