/** What the data thread is started with. */
export interface DataThreadData {
  readonly dataset: string;
}

/** Read so many bytes of a chunk; answered with `piece` in the order of the requests, and not at all if the set could not be opened. */
export interface PieceRead {
  readonly id: number;
  readonly chunk: number;
  readonly offset: number;
  readonly bytes: number;
}

export type DataReply =
  | { readonly type: 'opened'; readonly manifestJson: string; readonly sha256: string }
  | { readonly type: 'failed'; readonly problem: string }
  /** `problem`: there is no such piece; '' where there is. */
  | { readonly type: 'piece'; readonly id: number; readonly problem: string; readonly data: ArrayBuffer };
