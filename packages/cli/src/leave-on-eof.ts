/**
 * With GANTRY_LEAVE_ON_EOF in the environment this process leaves when its standard input ends, as if by SIGTERM: the launcher
 * holds the other end, and the kernel closes it however that ends.
 */
export function leaveOnEof(env: Readonly<Record<string, string | undefined>> = process.env): void {
  if (!env.GANTRY_LEAVE_ON_EOF) return;
  const leave = (): void => {
    process.kill(process.pid, 'SIGTERM');
  };
  process.stdin.on('end', leave).on('error', leave).resume();
  // It alone keeps nobody alive.
  (process.stdin as unknown as { unref?: () => void }).unref?.();
}

/** Whether a launcher started this process, and speaks to people itself. */
export function isLaunched(): boolean {
  return Boolean(process.env.GANTRY_LEAVE_ON_EOF);
}
