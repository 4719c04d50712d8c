import { join } from 'node:path';
import { GantryError, plural, type RunConfig, shellQuote } from '@gantry/common';
import type { RunEvent, RunResult } from '@gantry/coordinator';
import { checkInputs } from './check-inputs.js';
import { handleInterrupts } from './interrupts.js';
import { isLaunched } from './leave-on-eof.js';
import { ownCommand } from './own-command.js';
import { markShown } from './print-error.js';
import type { Reporter } from './reporters/reporter.js';
import { keptFiles } from './run-schema.js';
import { workerCommand } from './worker-command.js';

/** A run to be started and watched to its end. */
export interface SupervisedRun {
  readonly config: RunConfig;
  readonly runDirectory: string;
  /** 0: all workers are started by hand. */
  readonly localWorkers: number;
  readonly resume: boolean;
  /** With `resume`: other numbers are allowed, as long as the state stays valid. */
  readonly allowNumbers?: boolean;
  readonly bind?: string | undefined;
  readonly insecure?: boolean;
  /** Folder of keys. */
  readonly keys?: string | undefined;
}

/** Starts a coordinator, shows its events, passes signals on. @throws what ended the run. */
export async function superviseRun(run: SupervisedRun, reporter: Reporter): Promise<RunResult> {
  let told = false;
  const onEvent = (event: RunEvent): void => {
    told ||= event.event === 'error';
    reporter.event(event);
    if (event.event === 'start' && run.localWorkers === 0 && !isLaunched()) reporter.note(invitation(event, run.keys));
  };
  const { bind, keys, insecure = false, ...rest } = run;
  try {
    if (run.localWorkers > 0) await checkInputs(run.config, reporter.note);
    const { startCoordinator } = await import('@gantry/coordinator');
    const running = await startCoordinator({
      ...rest,
      ...(bind === undefined ? {} : { bind }),
      ...(keys === undefined ? {} : { keys }),
      insecure,
      workerCommand: workerCommand(),
      keptFiles: await keptFiles(run.config),
      command: ownCommand(),
      onEvent,
    });
    return await whileInterruptible(running, reporter);
  } catch (error) {
    if (told && reporter.showsErrors) markShown(error);
    throw error;
  } finally {
    reporter.close();
  }
}

/** What to type for the workers of a coordinator that starts none. */
function invitation({ endpoint, workers }: { endpoint: string; workers: number }, keys: string | undefined): string {
  const key = keys === undefined ? '' : ` --keys ${shellQuote(join(keys, 'NAME.key'))}`;
  return `waiting     for ${plural(workers, 'worker')}: ${ownCommand()} worker --join ${endpoint}${key}`;
}

type Running = Awaited<ReturnType<typeof import('@gantry/coordinator')['startCoordinator']>>;

async function whileInterruptible(running: Running, reporter: Reporter): Promise<RunResult> {
  let stopped = false;
  const release = handleInterrupts(
    {
      stop: () => running.stop(),
      abort: (reason) => {
        stopped = true;
        running.abort(reason);
      },
    },
    reporter.note,
  );
  try {
    return await running.done;
  } catch (cause) {
    if (stopped && !(cause instanceof GantryError)) {
      throw new GantryError('GANTRY_INTERRUPTED', 'stopped at once, as asked', { cause });
    }
    throw cause;
  } finally {
    release();
  }
}
