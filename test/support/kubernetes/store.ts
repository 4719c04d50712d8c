/** An object as the API server holds it. */
export interface Stored {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
  };
  // biome-ignore lint/suspicious/noExplicitAny: the official schema has accepted it
  readonly [field: string]: any;
}

/** Objects by kind and name, of one namespace. */
export class Store {
  readonly #objects = new Map<string, Stored>();
  #version = 0;
  #waiting: (() => void)[] = [];

  get(resource: string, name: string): Stored | undefined {
    return this.#objects.get(`${resource}/${name}`);
  }

  list(resource: string, matches: (object: Stored) => boolean = () => true): Stored[] {
    const all = [...this.#objects].filter(([key]) => key.startsWith(`${resource}/`));
    return all.map(([, object]) => object).filter(matches);
  }

  create(resource: string, object: object): Stored {
    const { metadata } = object as Stored;
    const born = { uid: `uid-${this.#version}`, creationTimestamp: new Date().toISOString() };
    return this.replace(resource, { ...object, metadata: { ...metadata, ...born } } as Stored);
  }

  replace(resource: string, object: Stored): Stored {
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) };
    const stored = { ...object, metadata };
    this.#objects.set(`${resource}/${metadata.name}`, stored);
    this.#wake();
    return stored;
  }

  delete(resource: string, name: string): void {
    this.#objects.delete(`${resource}/${name}`);
    this.#wake();
  }

  /** When something has changed. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.changed();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
