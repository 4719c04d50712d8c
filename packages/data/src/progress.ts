/** How far a conversion is. */
export interface ConversionProgress {
  /** `converting the images of /data/faces` */
  readonly what: string;
  readonly done: number;
  readonly total: number;
}

/** Called after every item: whoever shows it chooses how often. */
export type OnProgress = (progress: ConversionProgress) => void;
