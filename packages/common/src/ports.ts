/** Monotonic time. Cores get it as an argument; shells read it. */
export interface Clock {
  /** Milliseconds since an arbitrary origin, never going back. */
  nowMs(): number;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Structured logging: one short sentence, and the fields that it is about. */
export interface Logger {
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}
