// What is said on /pair, one text message of JSON each way. JSON, because strangers speak here: its parser allocates
// no more than what was sent.

import { z } from "zod";
import { SmError } from "../base/errors.js";
import { ADDRESSES_MAX, addressSchema, siteNameSchema } from "./peer-store.js";

const proofSchema = z.base64().length(44);

export const pairRequestSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  proof: proofSchema,
  site: siteNameSchema,
  addresses: z.array(addressSchema).max(ADDRESSES_MAX),
});
export type PairRequest = z.infer<typeof pairRequestSchema>;

export const pairReplySchema = z.union([
  z.strictObject({ paired: z.literal(true), site: siteNameSchema, proof: proofSchema }),
  z.strictObject({ paired: z.literal(false), code: z.string().max(64), message: z.string().max(2000) }),
]);
export type PairReply = z.infer<typeof pairReplySchema>;

export function parseMessage<T>(schema: z.ZodType<T>, text: string): T {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new SmError("PROTOCOL", "a pairing message is not JSON", { cause: error });
  }
  const parsed = schema.safeParse(data);
  if (!parsed.success) throw new SmError("PROTOCOL", "a pairing message is malformed", { cause: parsed.error });
  return parsed.data;
}
