/** Sends dead letters back to work. */
import type { JobQueue } from './job-queue.ts';

export interface RedriveOptions {
  /** Most messages to move. @defaultValue as many as are there when it begins */
  readonly max?: number;
  readonly signal?: AbortSignal;
  /** Told of each message that was moved. */
  readonly onMoved?: (body: string) => void;
}

/**
 * Moves messages from `deadLetters` to `target`. Each is sent before it is deleted: a crash in between makes it
 * come twice, which is harmless, and never lose it.
 *
 * @returns how many were moved
 */
export async function redrive(deadLetters: JobQueue, target: JobQueue, options: RedriveOptions = {}): Promise<number> {
  // What is buried again meanwhile must not go round for ever.
  const max = options.max ?? (await deadLetters.depth());
  let moved = 0;
  while (moved < max && options.signal?.aborted !== true) {
    const messages = await deadLetters.receive({
      max: Math.min(10, max - moved),
      waitSeconds: 1,
      ...(options.signal !== undefined && { signal: options.signal }),
    });
    if (messages.length === 0) break;
    for (const message of messages) {
      await target.send(message.body);
      await message.delete();
      moved += 1;
      options.onMoved?.(message.body);
    }
  }
  return moved;
}
