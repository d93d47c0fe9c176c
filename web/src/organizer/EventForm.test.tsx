import { cleanup, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it, vi } from 'vitest';
import { ApiError } from '@/api/problem';
import type { EventDraft, EventInfo } from '@/api/types';
import { anEvent } from '@/test/events';
import { EventForm } from './EventForm';

const form = (event: EventInfo | undefined) => {
  const onSave = vi.fn((draft: Partial<EventDraft>) => Promise.resolve(draft));
  render(<EventForm {...(event ? { event } : {})} submitLabel="Save" onSave={onSave} />);
  return onSave;
};
const describeIt = () => userEvent.type(screen.getByLabelText('Description'), 'More');
const save = () => userEvent.click(screen.getByRole('button', { name: 'Save' }));
const draft = (changes: Partial<EventInfo>) => anEvent({ state: 'draft', ...changes });

it.each<Partial<EventInfo>>([
  { currency: 'KRW', prices: { Near: 50_000, Far: 0 } },
  { currency: 'KWD', prices: { Near: 1_005, Far: 10 ** 9 } },
  { currency: 'IQD' },
  { timezone: 'Europe/Berlin', starts_at: '2030-10-27T00:30:00.000Z' },
  { timezone: 'Europe/Berlin', starts_at: '2030-10-27T01:30:00.000Z' },
  { starts_at: '2030-03-01T19:30:15.250Z', on_sale_at: '2029-12-31T23:59:59.999Z' },
  { timezone: 'Mars/Olympus', refundable_until: '2030-02-01T00:00:00.000Z' },
  { hold_seconds: 1, max_seats_per_order: 50, max_seats_per_buyer: 60 },
  { areas: [{ zone: '', name: ' Floor ', category: 'Far', capacity: 20 }] },
])('changes nothing but the description of a draft with %j', async (changes) => {
  const onSave = form(draft(changes));
  await describeIt();
  await save();
  expect(onSave).toHaveBeenCalledExactlyOnceWith({ description: 'More' });
});

it('changes nothing but the description of a published event', async () => {
  const onSave = form(anEvent({ on_sale_at: '2029-10-28T01:30:00.000Z' }));
  await describeIt();
  await save();
  expect(onSave).toHaveBeenCalledExactlyOnceWith({ description: 'More' });
});

it.each<[string, Partial<EventInfo>, Partial<EventDraft>]>([
  ['Doors (optional)', { doors_at: '2030-03-01T17:30:00.000Z' }, { doors_at: null }],
  ['Ends (optional)', { ends_at: '2030-03-01T22:30:00.000Z' }, { ends_at: null }],
  [
    'Seats per buyer, at most (optional)',
    { max_seats_per_buyer: 4 },
    { max_seats_per_buyer: null },
  ],
  ['Sale opens (optional)', { on_sale_at: '2029-12-31T12:00:00.000Z' }, { on_sale_at: null }],
  [
    'Refundable until (optional)',
    { refundable_until: '2030-02-01T12:00:00.000Z', state: 'draft' },
    { refundable_until: null },
  ],
])('removes what is emptied: %s', async (label, changes, change) => {
  const onSave = form(anEvent(changes));
  await userEvent.clear(screen.getByLabelText(label));
  await save();
  expect(onSave).toHaveBeenCalledExactlyOnceWith(change);
});

it('asks which of two equal times is meant, and keeps the one that was', async () => {
  const onSave = form(draft({ starts_at: '2030-10-27T01:30:00.000Z' }));
  const which = screen.getByLabelText('Starts: which of the two?');
  expect(which).toHaveDisplayValue('The second, GMT+01:00');
  await userEvent.selectOptions(which, 'The first, GMT+02:00');
  await save();
  expect(onSave).toHaveBeenCalledExactlyOnceWith({ starts_at: '2030-10-27T00:30:00Z' });
});

it('says that the clocks jump over a time', async () => {
  const onSave = form(draft({}));
  const starts = screen.getByLabelText('Starts');
  await userEvent.clear(starts);
  await userEvent.type(starts, '2030-03-31T02:30');
  await save();
  expect(screen.getByText(/clocks are put forward past this time/)).toBeInTheDocument();
  expect(onSave).not.toHaveBeenCalled();
});

it('knows every currency and the limits of the server', () => {
  form(draft({}));
  expect(screen.getByLabelText('Currency').querySelectorAll('option').length).toBeGreaterThan(150);
  expect(screen.getByLabelText('Title')).toHaveAttribute('maxlength', '200');
  expect(screen.getByLabelText('Description')).toHaveAttribute('maxlength', '20000');
  expect(screen.getByLabelText('Seats per order, at most')).toHaveAttribute('max', '50');
  expect(screen.getByLabelText('Seats per buyer, at most (optional)')).toHaveAttribute(
    'max',
    '1000',
  );
});

it('shows what buyers can’t tell apart', () => {
  form(draft({ plan_warnings: { 'plan.zones[#2].rows[1]': 'Zone #2, row 1: two are alike.' } }));
  expect(screen.getByTestId('plan-warnings')).toHaveTextContent('Zone #2, row 1: two are alike.');
});

const line = (changes: Partial<EventInfo['line']> = {}): EventInfo['line'] => ({
  mode: 'on',
  lobby_opens_at: '2029-12-31T11:00:00.000Z',
  beacon: 'none',
  commitment: null,
  ...changes,
});
const onSale = '2029-12-31T12:00:00.000Z';
const modeField = () => screen.getByLabelText('How seats are sold');
const lobbyField = () => screen.queryByLabelText('Lobby opens (optional)');

it('turns a line on, and asks when its lobby opens', async () => {
  const onSave = form(draft({ on_sale_at: onSale, timezone: 'UTC' }));
  expect(lobbyField()).not.toBeInTheDocument();
  await userEvent.selectOptions(modeField(), 'By a line that is drawn');
  await userEvent.type(screen.getByLabelText('Lobby opens (optional)'), '2029-12-31T10:30');
  await save();
  const wanted = line({ lobby_opens_at: '2029-12-31T10:30:00Z' });
  expect(onSave).toHaveBeenCalledExactlyOnceWith({ line: wanted });
});

it('leaves it to the server when the lobby opens', async () => {
  const onSave = form(draft({ on_sale_at: onSale, timezone: 'UTC' }));
  await userEvent.selectOptions(modeField(), 'By a line that is drawn');
  await save();
  expect(onSave).toHaveBeenCalledExactlyOnceWith({ line: line({ lobby_opens_at: null }) });
});

it('has a line that comes by itself, and keeps it', async () => {
  const onSave = form(draft({ on_sale_at: onSale, timezone: 'UTC', line: line() }));
  await userEvent.selectOptions(modeField(), 'By a line, when too many come at once');
  expect(lobbyField()).not.toBeInTheDocument();
  await save();
  const auto = line({ mode: 'auto', lobby_opens_at: null });
  expect(onSave).toHaveBeenCalledExactlyOnceWith({ line: auto });
  cleanup();
  const onSaveAgain = form(draft({ line: auto }));
  await describeIt();
  await save();
  expect(onSaveAgain).toHaveBeenCalledExactlyOnceWith({ description: 'More' });
});

it('turns a line off', async () => {
  const onSave = form(draft({ on_sale_at: onSale, timezone: 'UTC', line: line() }));
  expect(lobbyField()).toHaveValue('2029-12-31T11:00');
  await userEvent.selectOptions(modeField(), 'To whoever comes first');
  await save();
  const wanted = line({ mode: 'off', lobby_opens_at: null });
  expect(onSave).toHaveBeenCalledExactlyOnceWith({ line: wanted });
});

it('does not touch a line that is not changed', async () => {
  const pair = line({ beacon: 'pair', commitment: 'c0'.repeat(32) });
  const onSave = form(draft({ on_sale_at: onSale, line: pair }));
  await describeIt();
  await save();
  expect(onSave).toHaveBeenCalledExactlyOnceWith({ description: 'More' });
});

it('shows what is wrong with a line at its fields', async () => {
  const onSave = form(draft({ timezone: 'UTC', line: line() }));
  onSave.mockRejectedValue(
    new ApiError(422, {
      detail: 'Some fields need a correction.',
      errors: {
        on_sale_at: 'is needed for an event with a line: the draw is made then',
        'line.lobby_opens_at': 'has to be at least two minutes before on_sale_at',
      },
    }),
  );
  await describeIt();
  await save();
  await waitFor(() => expect(lobbyField()).toBeInvalid());
  expect(lobbyField()).toHaveAccessibleDescription(/at least two minutes before/);
  expect(screen.getByLabelText('Sale opens (optional)')).toHaveAccessibleDescription(
    /is needed for an event with a line/,
  );
});

it('says who may buy, of a published event too', async () => {
  const onSave = form(anEvent({ timezone: 'UTC' }));
  await userEvent.click(
    screen.getByRole('checkbox', { name: 'Only accounts with a confirmed email address' }),
  );
  await userEvent.type(
    screen.getByLabelText('Only accounts made before (optional)'),
    '2029-05-01T12:00',
  );
  await save();
  expect(onSave).toHaveBeenCalledExactlyOnceWith({
    gates: { verified_email: true, accounts_before: '2029-05-01T12:00:00Z' },
  });
});

it('keeps who may buy, to the second', async () => {
  const gates = { verified_email: true, accounts_before: '2029-05-01T12:00:15.250Z' };
  const onSave = form(anEvent({ gates }));
  expect(screen.getByRole('checkbox')).toBeChecked();
  await describeIt();
  await save();
  expect(onSave).toHaveBeenCalledExactlyOnceWith({ description: 'More' });
});

it('changes the prices of a published event, and says whom they concern', async () => {
  const event = anEvent({ prices: { Stalls: 4500, Box: 9000 }, currency: 'EUR' });
  const onSave = form(event);
  expect(screen.getByText(/What is held or ordered keeps the price/)).toBeVisible();
  const price = screen.getByLabelText(/^Box/);
  await userEvent.clear(price);
  await save();
  expect(price).toHaveAccessibleDescription(/An amount/);
  await userEvent.type(price, '95.50');
  await save();
  expect(onSave).toHaveBeenCalledExactlyOnceWith({ prices: { Stalls: 4500, Box: 9550 } });
});
