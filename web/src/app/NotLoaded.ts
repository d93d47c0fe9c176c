/**
 * A part of the app that could not be loaded. Not the browser's own error: on that one the router would reload the
 * window, which without a network ends on the browser's page for that.
 */
export class NotLoaded extends Error {
  constructor(cause: unknown) {
    super('A part of the app could not be loaded.', { cause });
    this.name = 'NotLoaded';
  }
}

export function load<T>(importer: () => Promise<T>): () => Promise<T> {
  return () =>
    importer().catch((error: unknown) => {
      throw new NotLoaded(error);
    });
}
