import { act, screen, waitFor } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Offline } from './Offline';
import { answer, api, refusal } from '@/test/api';
import { renderPage } from '@/test/render';
import { watchConnection } from '@/api/connection';
import * as calls from '@/api/calls';

let stop: () => void;
beforeEach(() => {
  stop = watchConnection();
});
afterEach(() => act(() => stop()));

const health = (alive: () => boolean) =>
  api.use(
    http.get('*/healthz', () =>
      alive() ? HttpResponse.json({ status: 'alive' }) : HttpResponse.error(),
    ),
  );

it('says that there is no connection as soon as the browser knows, and until the server answers', async () => {
  let alive = false;
  health(() => alive);
  renderPage(<Offline />);
  act(() => void window.dispatchEvent(new Event('offline')));
  expect(await screen.findByText(/No connection/)).toBeInTheDocument();
  act(() => void window.dispatchEvent(new Event('online')));
  expect(screen.getByText(/No connection/)).toBeInTheDocument();
  alive = true;
  act(() => void window.dispatchEvent(new Event('online')));
  await waitFor(() => expect(screen.queryByText(/No connection/)).not.toBeInTheDocument());
});

it('makes sure before it believes a request that got no answer', async () => {
  let asked = 0;
  health(() => {
    asked += 1;
    return true;
  });
  answer('get', '/holds', () => HttpResponse.error());
  renderPage(<Offline />);
  await expect(calls.holds.mine()).rejects.toMatchObject({ status: 0 });
  await waitFor(() => expect(asked).toBe(1));
  expect(screen.queryByText(/No connection/)).not.toBeInTheDocument();
});

it('believes the second failure, and any answer', async () => {
  health(() => false);
  answer('get', '/holds', () => HttpResponse.error());
  renderPage(<Offline />);
  await expect(calls.holds.mine()).rejects.toMatchObject({ status: 0 });
  expect(await screen.findByText(/No connection/)).toBeInTheDocument();
  answer('get', '/holds', () => refusal(503, 'overloaded'));
  await expect(calls.holds.mine()).rejects.toMatchObject({ status: 503 });
  await waitFor(() => expect(screen.queryByText(/No connection/)).not.toBeInTheDocument());
});
