export { DEFAULT_PRESET, PRESET_NAMES, PRESETS, type Preset, presetNamed } from './presets/presets.js';
