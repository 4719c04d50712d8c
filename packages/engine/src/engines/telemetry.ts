/**
 * ONNX Runtime's official builds (on Linux and macOS from 1.29) tell their maker how they are used: an identifier of the
 * machine, which they keep in the home folder, properties and hashes of the models, errors, speed. Training data may be
 * confidential, and nobody who trains here was asked: it is off unless somebody has set the variable.
 *
 * Called before the library is loaded, which reads the variable once, on the main thread: a thread's environment is its own
 * copy, which the library does not see. An empty variable would leave it on. https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
 */
export function disableTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ||= '1';
}
