export type { Classified, Classifier } from './classifier.js';
export { FEATURES } from './constants.js';
export { type FeatureStatistics, featureStatistics, frechetDistance } from './frechet.js';
export { type Judgement, judgeSamples } from './judge.js';
export { type TrainClassifierOptions, trainClassifier } from './train-classifier.js';
