import { useQuery } from '@tanstack/react-query';
import { act, screen } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import * as calls from '@/api/calls';
import { presales } from '@/api/presales';
import { eventQuery } from '@/api/queries';
import { ApiError } from '@/api/problem';
import { anEvent } from '@/test/events';
import { renderPage } from '@/test/render';
import { SaleBar } from './SaleBar';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function Page() {
  const { data } = useQuery(eventQuery('evt_1'));
  return data ? <SaleBar event={data} /> : null;
}

const OPENS_IN_MS = 20_000;

/** A server whose clock is `ahead` milliseconds behind this device's; opens in twenty seconds. */
function serverBehind(ahead: number) {
  vi.useFakeTimers();
  const opens = Date.now() - ahead + OPENS_IN_MS;
  vi.spyOn(presales, 'list').mockResolvedValue({ items: [], server_time: '2030-01-01T00:00:00Z' });
  return vi.spyOn(calls.events, 'get').mockImplementation(() => {
    const now = Date.now() - ahead;
    return Promise.resolve(
      anEvent({
        state: now < opens ? 'scheduled' : 'on_sale',
        on_sale_at: new Date(opens).toISOString(),
        server_time: new Date(now).toISOString(),
      }),
    );
  });
}

const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

it.each([
  ['15 seconds ahead', 15_000],
  ['0.3 seconds ahead', 300],
  ['right', 0],
  ['15 seconds behind', -15_000],
])('shows the button at the opening, the device’s clock being %s', async (_, ahead) => {
  const asked = serverBehind(ahead);
  renderPage(<Page />);
  await pass(5000);
  expect(screen.getByTestId('countdown')).toHaveTextContent('00:15');
  await pass(OPENS_IN_MS - 5000 - 50);
  expect(screen.queryByTestId('choose-seats')).not.toBeInTheDocument();
  await pass(1050);
  expect(screen.getByTestId('choose-seats')).toBeInTheDocument();
  expect(asked.mock.calls.length).toBeLessThanOrEqual(4);
});

it('shows the button after a server that was away at the opening is back', async () => {
  const asked = serverBehind(0);
  renderPage(<Page />);
  await pass(100);
  const well = asked.getMockImplementation();
  asked.mockRejectedValue(new ApiError(0, {}));
  await pass(OPENS_IN_MS + 10_000);
  expect(screen.getByText('Opening…')).toBeInTheDocument();
  if (well) asked.mockImplementation(well);
  await pass(16_000);
  expect(screen.getByTestId('choose-seats')).toBeInTheDocument();
});
