import { act, fireEvent, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { createStore, set } from 'idb-keyval';
import { delay, HttpResponse } from 'msw';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endSession } from '@/api/session';
import type { CheckinRequest } from '@/api/types';
import { answer, refusal } from '@/test/api';
import { renderPage } from '@/test/render';
import { wasHeard } from './connection';
import { GatePage } from './GatePage';
import { kept } from './store';
import {
  answerTheGate,
  atTheDoor,
  bodyOf,
  checkin,
  EVENT,
  figures,
  gateOf,
  LISTED,
  page,
  sample,
  scan,
  tonight,
  verdict,
} from './gateTest';

// Needs WebAssembly from the server.
vi.mock('./codeReader', () => ({
  prepareReader: () => Promise.resolve(),
  openReader: () => Promise.reject(new Error('not here')),
}));

beforeEach(answerTheGate);

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('without a network', () => {
  const away = () => answer('post', '/checkins', () => HttpResponse.error());
  const code = sample.scanned;

  it('admits what verifies once, keeps it, and sends it when the network is back', async () => {
    answer('post', '/checkins/batch', () => HttpResponse.error());
    const { unmount } = await atTheDoor('gate');
    away();
    scan(code);
    expect(await verdict(1)).toHaveTextContent('Admit');
    expect(screen.getByTestId('gate-verdict')).toHaveTextContent(
      'Whether another gate admitted it',
    );
    scan(`]Q1${code.toLowerCase()}`);
    expect(await verdict(2)).toHaveTextContent('Already used');
    scan('4006381333931');
    expect(await verdict(3)).toHaveTextContent('Invalid');
    expect(screen.getByTestId('gate-queued')).toHaveTextContent('1 scan to be sent');

    unmount(); // the app is closed, and opened again later
    const sent: CheckinRequest[] = [];
    answer('post', '/checkins/batch', async ({ request }) => {
      const { scans } = (await request.json()) as { scans: CheckinRequest[] };
      sent.push(...scans);
      const first = { at: tonight.starts_at, gate: 'South' };
      const used = { result: 'already_used', first_admission: first } as const;
      return HttpResponse.json({ scans: scans.map((one) => checkin(one, used)) });
    });
    renderPage(<GatePage />);
    const refused = await screen.findByTestId('gate-refused');
    expect(refused).toHaveTextContent('1 person was admitted without a network');
    expect(refused).toHaveTextContent('admitted before, at South');
    expect(screen.queryByTestId('gate-queued')).not.toBeInTheDocument();
    expect(sent.map((one) => [one.code, one.gate, one.event_id])).toEqual([
      [code, 'Gate 1', EVENT],
    ]);
  });

  it.each([
    ['inside', 'Already used', 'Admitted before, by the list of'],
    ['refunded', 'Refunded', 'Its money went back, by the list of'],
  ] as const)('refuses what the list has as %s', async (state, word, reason) => {
    answer('get', '/events/:id/gate-list', () => HttpResponse.json(page({ [state]: LISTED })));
    await atTheDoor('gate');
    await screen.findByTestId('gate-listed');
    away();
    scan(code);
    expect(await verdict(1)).toHaveTextContent(word);
    expect(screen.getByTestId('gate-verdict')).toHaveTextContent(reason);
    expect(screen.queryByTestId('gate-queued')).not.toBeInTheDocument();
  });

  it('admits where the answer was lost and the list has heard of it meanwhile', async () => {
    answer('post', '/checkins/batch', () => HttpResponse.error());
    await atTheDoor('gate');
    await screen.findByTestId('gate-listed');
    answer('get', '/events/:id/gate-list', () => HttpResponse.json(page({ inside: LISTED })));
    let asked = 0;
    answer('get', '/events/:id/gate', () => {
      asked += 1;
      return HttpResponse.json(figures);
    });
    answer('post', '/checkins', async () => {
      fireEvent(window, new Event('online')); // the list is asked for while the answer is on its way
      await waitFor(() => expect(asked).toBe(1));
      return HttpResponse.error();
    });
    scan(code);
    expect(await verdict(1)).toHaveAttribute('data-result', 'admitted');
  });

  it('lets out, and in again what the list has as outside', async () => {
    answer('post', '/checkins/batch', () => HttpResponse.error());
    answer('get', '/events/:id/gate-list', () => HttpResponse.json(page({ outside: LISTED })));
    await atTheDoor('gate');
    await screen.findByTestId('gate-listed');
    away();
    scan(code);
    expect(await verdict(1)).toHaveTextContent('Admit');
    await userEvent.click(screen.getByRole('radio', { name: 'Checking out' }));
    scan(code);
    expect(await verdict(2)).toHaveTextContent('Out');
    scan(code);
    expect(await verdict(3)).toHaveTextContent('Not inside');
    await userEvent.click(screen.getByRole('radio', { name: 'Letting in' }));
    scan(code);
    expect(await verdict(4)).toHaveTextContent('Admit');
    expect(screen.getByTestId('gate-queued')).toHaveTextContent('3 scans');
  });

  it('decides here while the server has not heard of a ticket, or it would admit it twice', async () => {
    answer('post', '/checkins/batch', () => refusal(503, 'unavailable'));
    await atTheDoor('gate');
    away();
    scan(code);
    expect(await verdict(1)).toHaveTextContent('Admit');
    answer('post', '/checkins', async ({ request }) =>
      HttpResponse.json(checkin(await bodyOf(request))),
    );
    wasHeard(); // the network is back, and what is queued not sent yet
    scan(code);
    expect(await verdict(2)).toHaveTextContent('Already used');
  });

  it('keeps what an account may not send, and says so', async () => {
    answer('post', '/checkins/batch', () => HttpResponse.error());
    await atTheDoor('gate');
    away();
    scan(code);
    expect(await verdict(1)).toHaveTextContent('Admit');
    answer('post', '/checkins/batch', async ({ request }) => {
      const { scans } = (await request.json()) as { scans: CheckinRequest[] };
      const refused = {
        result: 'wrong_event',
        flags: ['not_staff'],
        reason: 'Not staff.',
      } as const;
      return HttpResponse.json({
        scans: scans.map((one) => checkin(one, { ...refused, flags: ['not_staff'] })),
      });
    });
    fireEvent(window, new Event('online'));
    expect(await screen.findByTestId('gate-problem')).toHaveTextContent('Not staff.');
    expect(screen.getByTestId('gate-queued')).toHaveTextContent('1 scan');
    expect(screen.queryByTestId('gate-refused')).not.toBeInTheDocument();
  });

  it('sends what the version before had kept', async () => {
    const old = createStore('houseful-gate', 'gate');
    const kept = { code, gate: 'Gate 1', scan_id: 'old', scanned_at: '2026-11-20T19:00:00.000Z' };
    const record = { ticketId: sample.ticket, eventId: EVENT, at: kept.scanned_at, gate: 'Gate 1' };
    await set(`admission:${sample.ticket ?? ''}`, { ...record, scan: kept, state: 'queued' }, old);
    const sent: CheckinRequest[] = [];
    answer('post', '/checkins/batch', async ({ request }) => {
      const { scans } = (await request.json()) as { scans: CheckinRequest[] };
      sent.push(...scans);
      return HttpResponse.json({ scans: scans.map((one) => checkin(one)) });
    });
    await atTheDoor('gate');
    await waitFor(() => expect(sent).toEqual([kept]));
    await waitFor(() => expect(screen.getByTestId('gate-admitted')).toHaveTextContent('1 person'));
  });

  it('knows a ticket of another event', async () => {
    answer('post', '/checkins/batch', () => HttpResponse.error());
    await gateOf('gate');
    await userEvent.click(await screen.findByRole('radio', { name: /Another Evening/ }));
    await userEvent.click(screen.getByRole('button', { name: 'Start scanning' }));
    away();
    scan(code);
    expect(await verdict(1)).toHaveTextContent('Wrong event');
  });

  it('says so where this browser cannot verify', async () => {
    await atTheDoor('gate');
    away();
    vi.stubGlobal('crypto', { getRandomValues: (bytes: Uint8Array) => bytes });
    scan(code);
    expect(await verdict(1)).toHaveTextContent('cannot verify tickets by itself');
  });

  it('decides by itself where the server stays silent', async () => {
    answer('post', '/checkins/batch', () => HttpResponse.error());
    await atTheDoor('gate');
    answer('post', '/checkins', async () => {
      await delay(10);
      return new HttpResponse(null, { status: 504 });
    });
    scan(code);
    expect(await verdict(1)).toHaveTextContent('Admit');
  });
});

describe('the list of names', () => {
  const list = () =>
    answer('get', '/events/:id/gate-names', ({ request }) =>
      HttpResponse.json(
        new URL(request.url).searchParams.has('cursor')
          ? {
              items: [{ ticket_id: 'tkt_2', name: 'Zoë Müller', seat: 'Row B, seat 2' }],
              next_cursor: null,
            }
          : {
              items: [{ ticket_id: 'tkt_1', name: 'Bo Buyer', seat: 'Row A, seat 1' }],
              next_cursor: 'more',
            },
      ),
    );

  async function searched(text: string) {
    await userEvent.click(screen.getByRole('button', { name: 'List of names' }));
    await waitFor(() =>
      expect(screen.getByTestId('gate-names-found')).toHaveTextContent('2 tickets'),
    );
    await userEvent.type(screen.getByLabelText("Buyer's name"), text);
  }

  it('lets in by name, with and without a network, by the keyboard alone', async () => {
    answer('post', '/checkins/batch', () => HttpResponse.error());
    list();
    await atTheDoor('gate');
    const sent: CheckinRequest[] = [];
    answer('post', '/checkins', async ({ request }) => {
      const body = await bodyOf(request);
      sent.push(body);
      return HttpResponse.json(checkin(body));
    });
    await searched('zoe');
    screen.getByRole('button', { name: 'Let in Zoë Müller, Row B, seat 2' }).focus();
    await userEvent.keyboard('{Enter}');
    expect(await verdict(1)).toHaveAttribute('data-result', 'admitted');
    expect(sent.map((one) => [one.code, one.by_name])).toEqual([['tkt_2', true]]);
    expect(screen.getByRole('button', { name: 'List of names' })).toHaveFocus();

    answer('post', '/checkins', () => HttpResponse.error());
    answer('get', '/events/:id/gate-names', () => HttpResponse.error());
    for (const [number, result] of [
      [2, 'admitted'],
      [3, 'already_used'],
    ] as const) {
      await searched('bo');
      await userEvent.click(screen.getByRole('button', { name: /Let in Bo Buyer/ }));
      expect(await verdict(number)).toHaveAttribute('data-result', result);
    }
  });

  it('leaves no names where somebody takes them off or signs out', async () => {
    list();
    await atTheDoor('gate');
    await searched('x');
    await userEvent.click(screen.getByTestId('gate-names-forget'));
    await waitFor(() => expect(screen.queryByTestId('gate-name-search')).not.toBeInTheDocument());
    answer('get', '/events/:id/gate-names', () => HttpResponse.error());
    await userEvent.click(screen.getByRole('button', { name: 'List of names' }));
    expect(await screen.findByText(/not on this device/)).toBeVisible();
    list();
    await userEvent.click(screen.getByRole('button', { name: 'List of names' }));
    await searched('x');
    act(() => endSession());
    await waitFor(async () => expect(await kept('names', EVENT)).toBeUndefined());
  });
});
