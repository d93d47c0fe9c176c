import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { beforeEach, expect, it } from 'vitest';
import type { EventInfo } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { anEvent } from '@/test/events';
import { renderPage } from '@/test/render';
import { Reschedule } from './Reschedule';

let event: EventInfo;
let previewed: unknown[];
let sent: { body: unknown; key: string | null }[];

beforeEach(() => {
  signInAs('organizer');
  event = anEvent({ server_time: '2030-01-01T12:00:00Z', timezone: 'UTC' });
  previewed = [];
  sent = [];
  answer('get', '/events/evt_1', () => HttpResponse.json(event));
  answer('post', '/events/evt_1/reschedule-preview', async ({ request }) => {
    previewed.push(await request.json());
    const mail = { subject: 'New date: The Glass Harbour', text: 'Hello you', html: '' };
    return HttpResponse.json({ orders: 12, ...mail });
  });
});

async function dialog(
  reply: () => Response = () => HttpResponse.json(event, { status: 202 }),
): Promise<void> {
  answer('post', '/events/evt_1/reschedule', async ({ request }) => {
    sent.push({ body: await request.json(), key: request.headers.get('Idempotency-Key') });
    return reply();
  });
  renderPage(<Reschedule event={event} />);
  await userEvent.click(await screen.findByTestId('reschedule'));
}

const press = (id: string) => userEvent.click(screen.getByTestId(id));
const fill = async (id: string, text: string) => {
  await userEvent.clear(screen.getByTestId(id));
  await userEvent.type(screen.getByTestId(id), text);
};
const fillAll = async () => {
  await fill('reschedule-starts-at', '2030-05-01T20:00');
  await fill('reschedule-return-until', '2030-03-01T12:00');
  await fill('reschedule-message', 'The singer is ill.');
};
const asked = {
  starts_at: '2030-05-01T20:00:00Z',
  message: 'The singer is ill.',
  return_until: '2030-03-01T12:00:00Z',
};

it('shows what will happen before it does, and moves the event once asked', async () => {
  await dialog();
  await fillAll();
  await press('reschedule-look');
  const told = await screen.findByTestId('reschedule-told');
  expect(told).toHaveTextContent('The buyers of 12 orders will be told');
  expect(told).toHaveFocus();
  expect(screen.getByTestId('reschedule-email')).toHaveTextContent('Hello you');
  expect(screen.getByText(/1 May 2030|May 1, 2030/)).toBeVisible();
  expect(previewed).toEqual([asked]);
  expect(sent).toEqual([]);
  await press('reschedule-confirm');
  await waitFor(() => expect(screen.queryByTestId('reschedule-confirm')).toBeNull());
  expect(sent.map(({ body }) => body)).toEqual([asked]);
  expect(sent[0]?.key).not.toBeNull();
});

it('says at the fields what is missing, and asks nobody', async () => {
  await dialog();
  await press('reschedule-look');
  expect(screen.getByTestId('reschedule-starts-at')).toHaveAccessibleDescription(
    /That is where it is now/,
  );
  expect(screen.getByTestId('reschedule-message')).toHaveAccessibleDescription(/Tell buyers why/);
  expect(screen.getByTestId('reschedule-starts-at')).toHaveFocus();
  expect(previewed).toEqual([]);
});

it('keeps what was typed where the server refuses, and says why at the field', async () => {
  let isRefused = true;
  await dialog(() => {
    const errors = { return_until: 'is after the new start' };
    if (isRefused) return refusal(422, 'validation_failed', { errors });
    return HttpResponse.json(event, { status: 202 });
  });
  await fillAll();
  await fill('reschedule-venue', 'Town Hall');
  await press('reschedule-look');
  await screen.findByTestId('reschedule-told');
  await press('reschedule-confirm');
  const until = await screen.findByTestId('reschedule-return-until');
  await waitFor(() => expect(until).toHaveAccessibleDescription(/is after the new start/));
  expect(until).toHaveFocus();
  expect(screen.getByTestId('reschedule-venue')).toHaveValue('Town Hall');
  isRefused = false;
  await press('reschedule-look');
  await screen.findByTestId('reschedule-told');
  await press('reschedule-confirm');
  await waitFor(() => expect(screen.queryByTestId('reschedule-look')).toBeNull());
  expect(sent.at(-1)?.body).toEqual({ ...asked, venue: 'Town Hall' });
});

it('says what no field can say, and leads back to the form', async () => {
  await dialog(() => refusal(409, 'event_ended'));
  await fillAll();
  await press('reschedule-look');
  await screen.findByTestId('reschedule-told');
  await press('reschedule-confirm');
  expect(await screen.findByText('event_ended')).toBeVisible();
  await press('reschedule-back');
  expect(screen.getByTestId('reschedule-message')).toHaveValue('The singer is ill.');
});

it('proposes two weeks to return', async () => {
  await dialog();
  expect(screen.getByTestId('reschedule-return-until')).toHaveValue('2030-01-15T12:00');
});
