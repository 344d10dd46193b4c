/** Waits for all of them, also when one fails. @throws the first failure */
export async function allOf(parts: unknown[]): Promise<void> {
  for (const part of await Promise.allSettled(parts)) if (part.status === 'rejected') throw part.reason;
}
