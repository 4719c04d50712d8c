/**
 * Difference of two sequence numbers of 32 bits that wrap around: positive if `a` is after `b`. Right as long as the two
 * are less than 2³¹ apart.
 */
export function sequenceDifference(a: number, b: number): number {
  return (a - b) | 0;
}

/** Whether the sequence number `value` has reached `target`. */
export function hasReached(value: number, target: number): boolean {
  return ((value - target) | 0) >= 0;
}
