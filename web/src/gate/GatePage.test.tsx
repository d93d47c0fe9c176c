import { fireEvent, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CheckinRequest } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { anEvent } from '@/test/events';
import { renderPage } from '@/test/render';
import { GatePage } from './GatePage';
import {
  answerTheGate,
  atTheDoor,
  bodyOf,
  checkin,
  EVENT,
  figures,
  gateOf,
  scan,
  tonight,
  verdict,
  withoutPause,
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

describe('the doors', () => {
  it('shows who is inside against the capacity, by gate and minute', async () => {
    const minute = (number: number, admitted: number) => ({
      at: new Date(Date.UTC(2026, 10, 29, 18, number)).toISOString(),
      admitted,
      checked_out: 0,
    });
    const north = {
      gate: 'North',
      admitted: 30,
      checked_out: 4,
      refused: 2,
      minutes: [minute(1, 0), minute(2, 12), minute(3, 6)],
    };
    answer('get', '/events/:id/gate', () =>
      HttpResponse.json({
        ...figures,
        inside: 26,
        admitted: 30,
        checked_out: 4,
        gates: [north],
      }),
    );
    await atTheDoor('gate');
    expect(await screen.findByTestId('gate-inside')).toHaveTextContent('26 inside of 48');
    await userEvent.click(screen.getByText('Doors'));
    const row = screen.getByRole('row', { name: /North/ });
    expect(row).toHaveTextContent('North' + '30' + '4' + '2');
    expect(
      screen.getByRole('img', { name: /North.*6 in the last minute.*12 at most/ }),
    ).toBeVisible();
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
    withoutPause(() => {
      for (const key of 'HF1.SCANNED') {
        fireEvent.keyDown(name, { key });
        fireEvent.input(name, { target: { value: `${(name as HTMLInputElement).value}${key}` } });
      }
      fireEvent.keyDown(name, { key: 'Enter' });
    });
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
