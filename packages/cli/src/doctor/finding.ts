/** What one check found. */
export interface Finding {
  /** Short and stable: `node`, `cpu`, `device webgpu:0` … */
  readonly name: string;
  /** `ok`; `absent`: optional, and not there; `warning`: works, badly; `problem`: Gantry will not run, or not as asked. */
  readonly state: 'ok' | 'absent' | 'warning' | 'problem';
  /** What was found. */
  readonly value: string;
  /** The command or change that mends it; '' where nothing is to be done. */
  readonly remedy: string;
}

export function ok(name: string, value: string): Finding {
  return { name, state: 'ok', value, remedy: '' };
}

/** A check that fails by throwing becomes a finding that says so. */
export async function guarded(name: string, remedy: string, check: () => Finding | Promise<Finding>): Promise<Finding> {
  try {
    return await check();
  } catch (error) {
    return { name, state: 'problem', value: (error as Error).message, remedy };
  }
}
