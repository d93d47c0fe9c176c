import { screen, waitFor } from '@testing-library/react';
import { HttpResponse } from 'msw';
import { expect, it } from 'vitest';
import { endSession, useSession } from '@/api/session';
import { answer, signInAs } from '@/test/api';
import { aHold } from '@/test/events';
import { renderPage } from '@/test/render';
import { heldUntil, rememberHeldUntil } from './heldUntil';
import { HoldBanner } from './HoldBanner';

const place = () => document.querySelector('[aria-hidden].bg-ink');

it('counts the seats of all holds, and leads to the one that ends first', async () => {
  signInAs('buyer');
  const late = aHold('hld_late', [0, 1]);
  const soon = {
    ...aHold('hld_soon', [10, 11, 12]),
    expires_at: new Date(Date.now() + 60_000).toISOString(),
  };
  answer('get', '/holds', () => HttpResponse.json({ items: [late, soon], next_cursor: null }));
  answer('get', '/orders', () => HttpResponse.json({ items: [], next_cursor: null }));
  renderPage(<HoldBanner />);
  expect(await screen.findByText(/You hold 5 seats/)).toBeInTheDocument();
  expect(screen.getByRole('link')).toHaveAttribute('href', '/checkout/hld_soon');
});

it('keeps its place until the server has said what is held', async () => {
  rememberHeldUntil(Date.now() + 60_000);
  useSession.setState({ status: 'starting' });
  let tell = () => {};
  const told = new Promise<void>((resolve) => (tell = resolve));
  answer('get', '/holds', async () => {
    await told;
    return HttpResponse.json({ items: [aHold('hld_1', [0])], next_cursor: null });
  });
  answer('get', '/orders', () => HttpResponse.json({ items: [], next_cursor: null }));
  renderPage(<HoldBanner />);
  await waitFor(() => expect(place()).toBeInTheDocument());
  signInAs('buyer');
  expect(place()).toBeInTheDocument();
  tell();
  expect(await screen.findByTestId('hold-banner')).toBeInTheDocument();
  expect(place()).not.toBeInTheDocument();
});

it('gives its place up when nothing is held any more', async () => {
  rememberHeldUntil(Date.now() + 60_000);
  signInAs('buyer');
  answer('get', '/holds', () => HttpResponse.json({ items: [], next_cursor: null }));
  answer('get', '/orders', () => HttpResponse.json({ items: [], next_cursor: null }));
  renderPage(<HoldBanner />);
  await waitFor(() => expect(heldUntil()).toBe(0));
  expect(place()).not.toBeInTheDocument();
});

it('keeps no place for seats that ran out, nor for the next person', async () => {
  rememberHeldUntil(Date.now() - 1);
  useSession.setState({ status: 'starting' });
  const { unmount } = renderPage(
    <>
      <h1>Events</h1>
      <HoldBanner />
    </>,
  );
  await screen.findByRole('heading', { name: 'Events' });
  expect(place()).not.toBeInTheDocument();
  unmount();
  rememberHeldUntil(Date.now() + 60_000);
  endSession();
  renderPage(<HoldBanner />);
  await waitFor(() => expect(heldUntil()).toBe(0));
});
