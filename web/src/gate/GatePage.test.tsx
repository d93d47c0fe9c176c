import { fireEvent, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { createStore, set } from 'idb-keyval';
import { delay, HttpResponse } from 'msw';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import samples from '../../../tests/unit/tickets/ticket_codes.json';
import type { Checkin, CheckinRequest, GateFigures, GateList, Role } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { anEvent } from '@/test/events';
import { renderPage } from '@/test/render';
import { wasHeard } from './connection';
import { GatePage } from './GatePage';

// Needs WebAssembly from the server.
vi.mock('./codeReader', () => ({
  prepareReader: () => Promise.resolve(),
  openReader: () => Promise.reject(new Error('not here')),
}));

const [sample] = samples as [(typeof samples)[number]];
const EVENT = sample.event ?? '';
const KEY = btoa(
  String.fromCharCode(...(sample.key.match(/../g) ?? []).map((byte) => parseInt(byte, 16))),
)
  .replaceAll('+', '-')
  .replaceAll('/', '_')
  .replaceAll('=', '');

const tonight = anEvent({ id: EVENT, title: 'The Glass Harbour' });
const tomorrow = anEvent({ id: 'evt_2', title: 'Another Evening' });

const checkin = (scan: CheckinRequest, changes: Partial<Checkin> = {}): Checkin => ({
  scan_id: scan.scan_id,
  result: 'admitted',
  ticket: {
    id: `tkt_${scan.code}`,
    order_id: 'ord_1',
    event_id: EVENT,
    event_title: tonight.title,
    seat: {
      id: 'A-1',
      section_id: 's',
      section_name: 'Stalls',
      row: 'A',
      number: '1',
      category: 'Premium',
    } as NonNullable<Checkin['ticket']>['seat'],
    status: 'used',
  },
  first_admission: null,
  event: {
    id: EVENT,
    title: tonight.title,
    venue: tonight.venue,
    starts_at: tonight.starts_at,
    timezone: tonight.timezone,
  },
  scanned_at: scan.scanned_at,
  reason: null,
  flags: [],
  ...changes,
});

const bodyOf = async (request: Request) => (await request.json()) as CheckinRequest;

/** As a scanner that plays a keyboard does: keys without a pause, then Enter. */
function scan(code: string, target: Element = document.body) {
  for (const key of code) fireEvent.keyDown(target, { key });
  fireEvent.keyDown(target, { key: 'Enter' });
}

async function gateOf(...roles: Role[]) {
  signInAs(...roles);
  answer('get', '/events', () =>
    HttpResponse.json({ items: [tonight, tomorrow], next_cursor: null }),
  );
  const view = renderPage(<GatePage />);
  await screen.findByRole('heading', { name: 'Set up this gate' });
  return view;
}

async function atTheDoor(...roles: Role[]) {
  const view = await gateOf(...roles);
  await userEvent.click(await screen.findByRole('radio', { name: /The Glass Harbour/ }));
  await userEvent.click(screen.getByRole('button', { name: 'Start scanning' }));
  await screen.findByText('Ready for the first ticket');
  return view;
}

const verdict = (number: number) =>
  waitFor(() => {
    const shown = screen.getByTestId('gate-verdict');
    expect(shown).toHaveAttribute('data-number', String(number));
    return shown;
  });

const page = (changes: Partial<GateList> = {}): GateList => ({
  inside: '',
  outside: '',
  refunded: '',
  good: '',
  next: 'later',
  more: false,
  ...changes,
});

const figures: GateFigures = {
  capacity: 48,
  sold: 4,
  inside: 0,
  admitted: 0,
  checked_out: 0,
  refused: 0,
  gates: [],
  conflicts: [],
};

/** The last eight bytes of the sample's ticket, as the list has them. */
const LISTED = btoa(
  String.fromCharCode(
    ...((sample.ticket ?? '').slice(-16).match(/../g) ?? []).map((byte) => parseInt(byte, 16)),
  ),
);

beforeEach(() => {
  wasHeard();
  answer('get', `/events/:id/gate-list`, () => HttpResponse.json(page()));
  answer('get', `/events/:id/gate`, () => HttpResponse.json(figures));
  answer('get', '/tickets/keys', () =>
    HttpResponse.json({ items: [{ kid: 'k', alg: 'EdDSA', public_key: KEY }] }),
  );
});

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('the screen', () => {
  it('shows nothing of the ticket before while one is checked', async () => {
    await atTheDoor('gate');
    answer('post', '/checkins', async ({ request }) =>
      HttpResponse.json(checkin(await bodyOf(request))),
    );
    scan('TICKET-NUMBER-1');
    expect(await verdict(1)).toHaveTextContent('Admit');

    let reply: (value: Response) => void = () => undefined;
    answer('post', '/checkins', () => new Promise<Response>((resolve) => (reply = resolve)));
    scan('FORGED-NUMBER-2');
    expect(await screen.findByTestId('gate-checking')).toBeVisible();
    expect(screen.queryByTestId('gate-verdict')).not.toBeInTheDocument();
    expect(screen.queryByText('Admit')).not.toBeInTheDocument();
    expect(screen.getByTestId('gate-screen').className).not.toContain('bg-[#0b6b34]');

    const body = { code: 'x', gate: 'g', scan_id: '2', scanned_at: tonight.starts_at };
    reply(
      HttpResponse.json(
        checkin(body, { result: 'invalid', ticket: null, event: null, reason: 'No ticket.' }),
      ),
    );
    expect(await verdict(2)).toHaveTextContent('Invalid');
    expect(screen.getByTestId('gate-verdict')).toHaveTextContent('No ticket.');
  });

  it('numbers its verdicts, names the event, and counts over a reload', async () => {
    const { unmount } = await atTheDoor('gate');
    const sent: CheckinRequest[] = [];
    answer('post', '/checkins', async ({ request }) => {
      const body = await bodyOf(request);
      sent.push(body);
      return HttpResponse.json(checkin(body));
    });
    scan('TICKET-NUMBER-1');
    expect(await verdict(1)).toHaveTextContent('The Glass Harbour');
    scan('TICKET-NUMBER-2');
    expect(await verdict(2)).toHaveTextContent('Scan 2');
    expect(sent.map((one) => [one.code, one.gate, one.event_id])).toEqual([
      ['TICKET-NUMBER-1', 'Gate 1', EVENT],
      ['TICKET-NUMBER-2', 'Gate 1', EVENT],
    ]);
    expect(screen.getByTestId('gate-admitted')).toHaveTextContent('2 people');

    unmount();
    renderPage(<GatePage />);
    expect(await screen.findByText('Ready for the first ticket')).toBeVisible();
    expect(screen.getByTestId('gate-place')).toHaveTextContent('The Glass Harbour');
    await waitFor(() => expect(screen.getByTestId('gate-admitted')).toHaveTextContent('2 people'));
  });

  it('checks a code that was typed, and says what the server refuses', async () => {
    await atTheDoor('gate');
    answer('post', '/checkins', () =>
      refusal(403, 'not_gate_staff', { detail: 'Not gate staff.' }),
    );
    await userEvent.type(screen.getByLabelText('Ticket code'), 'TYPED-CODE{Enter}');
    expect(await verdict(1)).toHaveTextContent('Not checked');
    expect(screen.getByTestId('gate-verdict')).toHaveTextContent('Not gate staff.');
  });
});

describe('the camera', () => {
  const withCamera = (getUserMedia: () => Promise<MediaStream>) =>
    vi.stubGlobal(
      'navigator',
      Object.assign(Object.create(navigator) as Navigator, {
        mediaDevices: { getUserMedia },
      }),
    );

  it.each([
    ['NotAllowedError', 'refused', 'may not use the camera'],
    ['NotFoundError', 'missing', 'no camera'],
    ['NotReadableError', 'busy', 'Another app'],
  ])('%s is told in words', async (name, fault, said) => {
    await atTheDoor('gate');
    withCamera(() => Promise.reject(new DOMException('', name)));
    await userEvent.click(screen.getByRole('button', { name: 'Use the camera' }));
    const told = await screen.findByTestId('gate-camera-fault');
    expect(told).toHaveAttribute('data-fault', fault);
    expect(told).toHaveTextContent(said);
    expect(screen.getByRole('button', { name: 'Use the camera' })).toBeEnabled();
  });

  it('is not given to pages at insecure addresses, which is told', async () => {
    await atTheDoor('gate');
    await userEvent.click(screen.getByRole('button', { name: 'Use the camera' }));
    expect(await screen.findByTestId('gate-camera-fault')).toHaveTextContent('https');
  });
});

describe('setting up', () => {
  it('has no event until one is chosen, and keeps scans out of the name', async () => {
    await gateOf('gate');
    expect(screen.getByRole('button', { name: 'Start scanning' })).toBeDisabled();
    expect(screen.queryByTestId('gate-any')).not.toBeInTheDocument();
    const name = screen.getByTestId('gate-name');
    name.focus();
    for (const key of 'HF1.SCANNED') {
      fireEvent.keyDown(name, { key });
      fireEvent.input(name, { target: { value: `${(name as HTMLInputElement).value}${key}` } });
    }
    fireEvent.keyDown(name, { key: 'Enter' });
    expect(name).toHaveValue('Gate 1');
    expect(screen.getByText(/That ticket was not checked/)).toBeVisible();
  });

  it('lets a supervisor take tickets of any event, with a warning', async () => {
    await gateOf('organizer');
    await userEvent.click(await screen.findByTestId('gate-any'));
    expect(screen.getByText(/tickets of every event and day/)).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Start scanning' }));
    expect(await screen.findByTestId('gate-place')).toHaveTextContent('Any event');
  });

  it('offers every event, however many pages there are', async () => {
    signInAs('gate');
    answer('get', '/events', ({ request }) => {
      const page = Number(new URL(request.url).searchParams.get('cursor') ?? '0');
      const event = anEvent({ id: `evt_${String(page)}`, title: `Evening ${String(page)}` });
      return HttpResponse.json({ items: [event], next_cursor: page < 4 ? String(page + 1) : null });
    });
    renderPage(<GatePage />);
    expect(await screen.findByRole('radio', { name: /Evening 4/ })).toBeVisible();
    expect(screen.getAllByRole('radio')).toHaveLength(5);
  });
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
      'Whether another gate admitted it since is known only later',
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
