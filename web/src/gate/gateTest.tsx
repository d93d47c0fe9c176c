import { fireEvent, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { expect, vi } from 'vitest';
import samples from '../../../tests/unit/tickets/ticket_codes.json';
import type { Checkin, CheckinRequest, GateFigures, GateList, Role } from '@/api/types';
import { answer, signInAs } from '@/test/api';
import { anEvent } from '@/test/events';
import { renderPage } from '@/test/render';
import { wasHeard } from './connection';
import { GatePage } from './GatePage';

export const [sample] = samples as [(typeof samples)[number]];
export const EVENT = sample.event ?? '';
export const KEY = btoa(
  String.fromCharCode(...(sample.key.match(/../g) ?? []).map((byte) => parseInt(byte, 16))),
)
  .replaceAll('+', '-')
  .replaceAll('/', '_')
  .replaceAll('=', '');

export const tonight = anEvent({ id: EVENT, title: 'The Glass Harbour' });
export const tomorrow = anEvent({ id: 'evt_2', title: 'Another Evening' });

export const checkin = (scan: CheckinRequest, changes: Partial<Checkin> = {}): Checkin => ({
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

export const bodyOf = async (request: Request) => (await request.json()) as CheckinRequest;

/** Keys without a pause between them, however slow this machine is. */
export function withoutPause(press: () => void) {
  const clock = vi.spyOn(Event.prototype, 'timeStamp', 'get').mockReturnValue(1);
  press();
  clock.mockRestore();
}

/** Keys as a person presses them, far slower than a scanner. */
export async function slowly(press: () => Promise<unknown>) {
  let now = 0;
  const clock = vi
    .spyOn(Event.prototype, 'timeStamp', 'get')
    .mockImplementation(() => (now += 200));
  await press();
  clock.mockRestore();
}

/** As a scanner that plays a keyboard does: keys without a pause, then Enter. */
export function scan(code: string, target: Element = document.body) {
  withoutPause(() => {
    for (const key of code) fireEvent.keyDown(target, { key });
    fireEvent.keyDown(target, { key: 'Enter' });
  });
}

export async function gateOf(...roles: Role[]) {
  signInAs(...roles);
  answer('get', '/events', () =>
    HttpResponse.json({ items: [tonight, tomorrow], next_cursor: null }),
  );
  const view = renderPage(<GatePage />);
  await screen.findByRole('heading', { name: 'Set up this gate' });
  return view;
}

export async function atTheDoor(...roles: Role[]) {
  const view = await gateOf(...roles);
  await userEvent.click(await screen.findByRole('radio', { name: /The Glass Harbour/ }));
  await userEvent.click(screen.getByRole('button', { name: 'Start scanning' }));
  await screen.findByText('Ready for the first ticket');
  return view;
}

export const verdict = (number: number) =>
  waitFor(() => {
    const shown = screen.getByTestId('gate-verdict');
    expect(shown).toHaveAttribute('data-number', String(number));
    return shown;
  });

export const page = (changes: Partial<GateList> = {}): GateList => ({
  inside: '',
  outside: '',
  refunded: '',
  good: '',
  next: 'later',
  more: false,
  ...changes,
});

export const figures: GateFigures = {
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
export const LISTED = btoa(
  String.fromCharCode(
    ...((sample.ticket ?? '').slice(-16).match(/../g) ?? []).map((byte) => parseInt(byte, 16)),
  ),
);

/** What a gate asks for by itself. */
export function answerTheGate(): void {
  wasHeard();
  answer('get', '/events/:id/gate-list', () => HttpResponse.json(page()));
  answer('get', '/events/:id/gate', () => HttpResponse.json(figures));
  answer('get', '/tickets/keys', () =>
    HttpResponse.json({ items: [{ kid: 'k', alg: 'EdDSA', public_key: KEY }] }),
  );
}
