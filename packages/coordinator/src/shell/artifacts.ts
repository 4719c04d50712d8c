import { GANTRY_VERSION, type Samples } from '@gantry/common';
import type { CheckpointRecord, Effect, Settings } from '../core/events.js';
import { deleteCheckpoints, saveCheckpoint } from './checkpoint-writer.js';
import { CHECKPOINT_FORMAT } from './manifest.js';
import { encodePicture, samplesPicture } from './pictures.js';
import type { RunDirectory } from './run-directory.js';
import { parseStateLayout } from './state-tensors.js';
import { StateInbox } from './state-transfer.js';

export interface ArtifactsListener {
  onCheckpoint(checkpoint: CheckpointRecord): void;
  onSample(step: number, file: string): void;
  onError(error: unknown): void;
}

/** What a run leaves behind: checkpoints and pictures, written one after the other while the loop goes on. */
export class Artifacts {
  readonly #settings: Settings;
  readonly #directory: RunDirectory;
  readonly #listener: ArtifactsListener;
  readonly #inbox = new StateInbox();
  #writing: Promise<void> = Promise.resolve();

  constructor(settings: Settings, directory: RunDirectory, listener: ArtifactsListener) {
    this.#settings = settings;
    this.#directory = directory;
    this.#listener = listener;
  }

  storeChunk(chunk: Extract<Effect, { type: 'storeChunk' }>): void {
    this.#inbox.store(chunk);
  }

  /** A whole state that has arrived, to be sent on. */
  takeState(update: number): Float32Array<ArrayBuffer> {
    return this.#inbox.take(update);
  }

  saveCheckpoint(effect: Extract<Effect, { type: 'saveCheckpoint' }>): void {
    // At once: a state of the same update may come again, or be relayed, before its turn.
    const state = this.#inbox.take(effect.update);
    this.#later(() => this.#save(effect, state));
  }

  /** States that were complete and are not wanted any more. */
  dropStates(updates: readonly number[]): void {
    for (const update of updates) this.#inbox.drop(update);
  }

  deleteCheckpoints(steps: readonly number[]): void {
    this.#later(() => deleteCheckpoints(this.#directory.checkpoints, steps));
  }

  saveSample(samples: Samples): void {
    this.#later(async () => {
      const png = await encodePicture(samplesPicture(samples));
      this.#listener.onSample(samples.step, await this.#directory.writeSample(samples.step, png));
    });
  }

  /** Nothing is being written any more. */
  settled(): Promise<void> {
    return this.#writing;
  }

  async #save(effect: Extract<Effect, { type: 'saveCheckpoint' }>, state: Float32Array): Promise<void> {
    const { update, step, stateSha256, programHash, stateLayoutJson } = effect;
    const layout = parseStateLayout(stateLayoutJson);
    const manifest = {
      formatVersion: CHECKPOINT_FORMAT,
      gantryVersion: GANTRY_VERSION,
      runId: this.#settings.runId,
      update,
      step,
      stateSha256,
      runConfigJson: JSON.stringify(this.#settings.config),
      programHash,
      stateLayoutJson,
    };
    const path = await saveCheckpoint(this.#directory.checkpoints, {
      ...{ state, layout, manifest },
      // A resume begins behind this step: rows up to it must not be lost with this process.
      beforeVisible: () => this.#directory.flushMetrics(),
    });
    this.#listener.onCheckpoint({ update, step, stateSha256, path });
  }

  #later(task: () => Promise<void>): void {
    this.#writing = this.#writing.then(task).catch((error) => this.#listener.onError(error));
  }
}
