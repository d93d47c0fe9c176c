import { screen } from '@testing-library/react';
import { HttpResponse } from 'msw';
import { expect, it } from 'vitest';
import { answer, signInAs } from '@/test/api';
import { aHold } from '@/test/events';
import { renderPage } from '@/test/render';
import { HoldBanner } from './HoldBanner';

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
