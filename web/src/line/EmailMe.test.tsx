import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { beforeEach, expect, it } from 'vitest';
import type { LineEntry } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { anEvent } from '@/test/events';
import { aLine, anEntry } from '@/test/line';
import { renderPage } from '@/test/render';
import { LineOf } from './LinePage';

const terms = { mode: 'on', lobby_opens_at: null, beacon: 'none', commitment: null } as const;
let entry: LineEntry;

beforeEach(() => {
  signInAs('buyer');
  entry = anEntry();
  answer('get', '/events/evt_1', () => HttpResponse.json(anEvent({ line: terms })));
  answer('get', '/events/evt_1/line', () => HttpResponse.json(aLine()));
  answer('get', '/events/evt_1/line/me', () => HttpResponse.json(entry));
  answer('put', '/events/evt_1/line/me/email', () => {
    entry = { ...entry, email_wanted: true };
    return new HttpResponse(null, { status: 204 });
  });
  answer('delete', '/events/evt_1/line/me/email', () => {
    entry = { ...entry, email_wanted: false };
    return new HttpResponse(null, { status: 204 });
  });
});

const button = () => screen.findByTestId('email-me');

it('is asked for in the lobby, and not any more after another press', async () => {
  renderPage(<LineOf eventId="evt_1" />);
  expect(await button()).toHaveAttribute('aria-pressed', 'false');
  await userEvent.click(await button());
  expect(await screen.findByText(/five minutes before/)).toBeVisible();
  expect(await button()).toHaveAttribute('aria-pressed', 'true');
  expect(entry.email_wanted).toBe(true);
  await userEvent.click(await button());
  expect(await button()).toHaveAttribute('aria-pressed', 'false');
  expect(entry.email_wanted).toBe(false);
});

it('is there for who waits with a number', async () => {
  entry = anEntry({ number: 40, phase: 'open', email_wanted: true });
  answer('get', '/events/evt_1/line', () =>
    HttpResponse.json(aLine({ phase: 'open', line_length: 50 })),
  );
  renderPage(<LineOf eventId="evt_1" />);
  expect(await button()).toHaveAttribute('aria-pressed', 'true');
});

it('says what to do where the address is not confirmed', async () => {
  answer('put', '/events/evt_1/line/me/email', () => refusal(403, 'email_not_verified'));
  renderPage(<LineOf eventId="evt_1" />);
  await userEvent.click(await button());
  const told = await screen.findByTestId('email-me-error');
  expect(told).toHaveTextContent('confirmed addresses only');
  expect(screen.getByRole('link', { name: 'Confirm yours' })).toHaveAttribute('href', '/account');
  expect(await button()).toHaveAttribute('aria-pressed', 'false');
});
