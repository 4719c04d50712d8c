/**
 * The device of one worker of a machine, where a run names several: `cuda:0,cuda:1` gives workers 0, 2, 4 … the first, and
 * workers 1, 3, 5 … the second.
 * @param index Of the worker among those of its machine.
 */
export function deviceOfWorker(devices: string, index: number): string {
  const list = devices.split(',');
  return list[index % list.length]!;
}
