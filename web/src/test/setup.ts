import '@testing-library/jest-dom/vitest';
import 'fake-indexeddb/auto';
import { cleanup, configure } from '@testing-library/react';
import { IDBFactory } from 'fake-indexeddb';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { useSession } from '@/api/session';
import { api } from './api';

// jsdom has no layout, so it can't scroll; the router does on each navigation.
window.scrollTo = () => undefined;

// jsdom has no media: light, and so it stays.
window.matchMedia = (media) =>
  Object.assign(new EventTarget(), { media, matches: false }) as MediaQueryList;

// jsdom knows the element and none of its methods.
Object.assign(HTMLDialogElement.prototype, {
  showModal(this: HTMLDialogElement) {
    this.open = true;
  },
  close(this: HTMLDialogElement) {
    this.open = false;
  },
});

// Machines may be slow, and what comes at all comes soon on the others.
configure({ asyncUtilTimeout: 60_000 });

// A request that a test did not foresee is a mistake of the page or of the test.
beforeAll(() => api.listen({ onUnhandledRequest: 'error' }));

afterEach(() => {
  cleanup();
  api.resetHandlers();
  localStorage.clear();
  sessionStorage.clear();
  globalThis.indexedDB = new IDBFactory();
  useSession.setState({ status: 'anonymous', token: null, user: null });
});

afterAll(() => api.close());
