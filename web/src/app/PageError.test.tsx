import { screen, waitFor } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { api } from '@/test/api';
import { renderPage } from '@/test/render';
import { load, NotLoaded } from './NotLoaded';
import { PageError } from './PageError';
import * as version from './version';

const takeNewest = vi.spyOn(version, 'takeNewest');
const mayRetry = vi.spyOn(version, 'mayRetry');
beforeEach(() => {
  takeNewest.mockImplementation(() => undefined);
  mayRetry.mockReturnValue(false);
});
afterEach(() => {
  takeNewest.mockReset();
  mayRetry.mockReset();
});

const health = (answer: () => Response) => api.use(http.get('*/healthz', answer));
const reset = vi.fn<() => void>();
const show = () => renderPage(<PageError error={new NotLoaded(null)} reset={reset} />);

it('stays in the app without a network, and says so', async () => {
  health(() => HttpResponse.error());
  show();
  expect(await screen.findByText('No connection')).toBeInTheDocument();
  expect(screen.getByRole('button', { name: 'Try again' })).toBeInTheDocument();
  expect(takeNewest).not.toHaveBeenCalled();
});

it('tries once more where the network was gone for a moment only', async () => {
  mayRetry.mockReturnValue(true);
  health(() => HttpResponse.json({}));
  show();
  await waitFor(() => expect(reset).toHaveBeenCalledOnce());
  expect(takeNewest).not.toHaveBeenCalled();
});

it('reloads once when the server has a newer app, and then asks', async () => {
  health(() => HttpResponse.json({}));
  const { unmount } = show();
  await waitFor(() => expect(takeNewest).toHaveBeenCalledOnce());
  unmount();
  show();
  expect(await screen.findByText('There is a new version')).toBeInTheDocument();
  expect(takeNewest).toHaveBeenCalledOnce();
});

it('reloads again only after a while', () => {
  expect(version.mayReload(1_000_000)).toBe(true);
  expect(version.mayReload(1_030_000)).toBe(false);
  expect(version.mayReload(1_070_000)).toBe(true);
});

it('tries again only after a while', () => {
  mayRetry.mockRestore();
  expect(version.mayRetry(1_000_000)).toBe(true);
  expect(version.mayRetry(1_009_000)).toBe(false);
  expect(version.mayRetry(1_010_000)).toBe(true);
});

it('does not show the router an error that it would reload the window for', async () => {
  const broken = load(() =>
    Promise.reject(new TypeError('Failed to fetch dynamically imported module')),
  );
  await expect(broken()).rejects.toMatchObject({ name: 'NotLoaded' });
});
