import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { beforeEach, expect, it, vi } from 'vitest';
import { answer, refusal, signInAs } from '@/test/api';
import { aDeskOrder } from '@/test/desk';
import { anEvent } from '@/test/events';
import { renderPage } from '@/test/render';
import { Desk } from './DeskPage';

const ORDERS = '/events/evt_1/orders';

beforeEach(() => {
  signInAs('organizer');
  answer('get', '/events/evt_1', () => HttpResponse.json(anEvent()));
});

it('lists orders, and more of them when asked', async () => {
  const asked: (string | null)[][] = [];
  answer('get', ORDERS, ({ request }) => {
    const { searchParams } = new URL(request.url);
    const cursor = searchParams.get('cursor');
    asked.push([searchParams.get('q'), cursor]);
    const order = cursor === null ? aDeskOrder() : aDeskOrder({ id: 'ord_2', places: [] });
    return HttpResponse.json({ items: [order], next_cursor: cursor === null ? 'more' : null });
  });
  renderPage(<Desk eventId="evt_1" query="bran" onSearch={vi.fn()} />);
  const row = await screen.findByTestId('desk-order');
  expect(row).toHaveTextContent(
    /Bea Brandt.*bea@example.org.*Row A, seat 1 and Row A, seat 2.*€100/,
  );
  expect(row).toHaveAttribute('href', '/organizer/evt_1/orders/ord_1');
  await userEvent.click(screen.getByTestId('more-orders'));
  await expect.poll(() => screen.getAllByTestId('desk-order').length).toBe(2);
  expect(screen.queryByTestId('more-orders')).not.toBeInTheDocument();
  expect(asked).toEqual([
    ['bran', null],
    ['bran', 'more'],
  ]);
});

it('searches by the keyboard alone', async () => {
  answer('get', ORDERS, () => HttpResponse.json({ items: [], next_cursor: null }));
  const search = vi.fn();
  renderPage(<Desk eventId="evt_1" query="" onSearch={search} />);
  await userEvent.type(await screen.findByLabelText('Search orders'), '  K 17 {Enter}');
  expect(search).toHaveBeenCalledExactlyOnceWith('K 17');
});

it.each([
  ['', 'No orders yet'],
  ['zoe', 'Nothing found for “zoe”'],
])('says that there is nothing for %j', async (query, words) => {
  answer('get', ORDERS, () => HttpResponse.json({ items: [], next_cursor: null }));
  renderPage(<Desk eventId="evt_1" query={query} onSearch={vi.fn()} />);
  expect(await screen.findByTestId('no-orders')).toHaveTextContent(words);
});

it('says that it could not be loaded', async () => {
  answer('get', ORDERS, () => refusal(404, 'event_not_found'));
  renderPage(<Desk eventId="evt_1" query="" onSearch={vi.fn()} />);
  expect(await screen.findByText('Not found')).toBeVisible();
});
