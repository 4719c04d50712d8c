/** Of `tcp://HOST:0` and `tcp://HOST:*`, which leave the port to the system. */
const ANY_PORT = /^(?<host>.+):(?:0|\*)$/;

/**
 * Where the next coordinator of a run listens. Workers that hold the state go on asking at the address of the one before, so a port
 * that is left to the system is that one's.
 *
 * @param given what `--bind` says
 * @param before reads the `tcp://HOST:PORT` of the coordinator before; only asked for where it counts
 */
export async function resumedBind(given: string | undefined, before: () => Promise<string>): Promise<string> {
  if (given === undefined) return before();
  const host = ANY_PORT.exec(given)?.groups?.host;
  if (host === undefined) return given;
  // A run that tells of no coordinator has no workers that wait for one.
  const endpoint = await before().catch(() => given);
  return endpoint.startsWith(`${host}:`) ? endpoint : given;
}
