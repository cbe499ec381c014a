/**
 * The port to a work queue with leases. Delivery is at least once and in no order: a message only says "look
 * again", the bucket decides.
 */

export interface QueueMessage {
  readonly id: string;
  readonly body: string;
  /** 1 at the first delivery. */
  readonly receiveCount: number;
  readonly sentAt: number;
  /** Takes the message off the queue for good. */
  delete(): Promise<void>;
  /** Hides the message for `seconds` from now on: the heartbeat (> 0), or handing back at once (0). */
  extend(seconds: number): Promise<void>;
  /** Moves the message to the dead-letter queue with a reason. */
  deadLetter(reason: string): Promise<void>;
}

export interface SendOptions {
  /** Seconds before the message becomes visible, 0 to 900. */
  readonly delaySeconds?: number;
}

export interface JobQueue {
  /** For people and logs. */
  readonly location: string;
  send(body: string, options?: SendOptions): Promise<void>;
  /** Waits up to `waitSeconds` for at most `max` (1 to 10) messages and leases them. */
  receive(options: {
    readonly max: number;
    readonly waitSeconds: number;
    readonly signal?: AbortSignal;
  }): Promise<QueueMessage[]>;
  /** Approximate number of visible messages. */
  depth(): Promise<number>;
}
