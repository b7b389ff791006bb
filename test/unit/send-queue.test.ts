import { expect, test } from "vitest";
import { SendQueue } from "../../src/jobs/send-queue.js";

test("first in, first out, however many come and go; what is next is shown and stays", () => {
  const queue = new SendQueue<number>();
  const taken: (number | undefined)[] = [];
  let put = 0;
  for (const [more, fewer] of [
    [5000, 10],
    [1, 4000],
    [3000, 3991],
    [2, 0],
  ] as const) {
    for (let i = 0; i < more; i++) queue.push(put++);
    for (let i = 0; i < fewer; i++) taken.push(queue.shift());
    expect(queue.length).toBe(put - taken.length);
    expect(queue.peek(3)).toEqual(Array.from({ length: Math.min(3, queue.length) }, (_, at) => taken.length + at));
  }
  expect(taken).toEqual(Array.from({ length: taken.length }, (_, at) => at));
  expect([queue.shift(), queue.shift(), queue.shift(), queue.length]).toEqual([8001, 8002, undefined, 0]);
});
