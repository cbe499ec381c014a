/** What the clients of S3 and SQS have in common: how they find a server, how often they ask and how long they wait. */

export interface AwsClientOptions {
  /** URL of a server that speaks the protocol. */
  readonly endpoint?: string;
  readonly region?: string;
  /** Tries of one request: server faults, throttling and broken connections are tried again. @defaultValue 6 */
  readonly attempts?: number;
  /** Milliseconds without a byte after which a connection counts as dead. */
  readonly idleTimeout?: number;
}

const DEFAULTS = { attempts: 6, connectTimeout: 3000, sockets: 64 } as const;

/** The SDK's own waits: exponential with full jitter, longer when a server asks to slow down. */
export function awsRetries({ attempts = DEFAULTS.attempts }: AwsClientOptions) {
  return { retryMode: 'standard', maxAttempts: attempts } as const;
}

/** @param idleTimeout milliseconds, unless the options say otherwise */
export function awsConnections(options: AwsClientOptions, idleTimeout: number) {
  const agent = { keepAlive: true, maxSockets: DEFAULTS.sockets } as const;
  return {
    connectionTimeout: DEFAULTS.connectTimeout,
    socketTimeout: options.idleTimeout ?? idleTimeout,
    httpAgent: agent,
    httpsAgent: agent,
  } as const;
}
