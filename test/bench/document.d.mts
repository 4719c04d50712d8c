export function table(head: readonly (string | number)[], rows: readonly (readonly (string | number)[])[]): string;
export function round(value: number | undefined, digits?: number): string;
export function machineLine(rounds: number): string;
export function publish(
  sections: Readonly<Record<string, string>>,
  rounds: number,
  write: boolean,
  document?: string,
): void;
