/** The data plane's frames, trees and schedules without its sockets: for the simulator. */
export { createFrameHeader, decodeFrameHeader, FRAME_RECEIVED, type FrameHeader, patchFrameHeader } from './frame.js';
export { reduceOrder } from './tree.js';
