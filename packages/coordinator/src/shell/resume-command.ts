/** What a person types to go on with a run. */
export function resumeCommand(runDirectory: string): string {
  return `npx gantry resume --out ${quote(runDirectory)}`;
}

/** An argument as a shell takes it. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
