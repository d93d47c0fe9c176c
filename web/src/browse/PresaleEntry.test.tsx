import { act, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Presale } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { anEvent } from '@/test/events';
import { renderPage } from '@/test/render';
import { PresaleEntry } from './PresaleEntry';
import { SaleBar } from './SaleBar';

const HOUR_MS = 3_600_000;
const at = (ms: number) => new Date(Date.now() + ms).toISOString();
const event = () => anEvent({ state: 'scheduled', on_sale_at: at(24 * HOUR_MS) });

const friends = (changes: Partial<Presale> = {}): Presale => ({
  id: 'psl_1',
  name: 'Friends',
  opens_at: at(-HOUR_MS),
  closes_at: null,
  ...changes,
});

let mine: Presale[] = [];

function known(...items: Presale[]) {
  const list = (shown: Presale[]) =>
    HttpResponse.json({ items: shown, server_time: new Date().toISOString() });
  answer('get', '/events/evt_1', () => HttpResponse.json(event()));
  answer('get', '/events/evt_1/presales', () => list(items));
  answer('get', '/events/evt_1/presale-access', () => list(mine));
}

const show = () =>
  renderPage(
    <>
      <PresaleEntry event={event()} />
      <SaleBar event={event()} />
    </>,
  );

const enter = async (code: string) => {
  const field = await screen.findByLabelText('I have an access code');
  await userEvent.clear(field);
  await userEvent.type(field, `${code}{Enter}`);
};

beforeEach(() => {
  mine = [];
});

afterEach(() => vi.restoreAllMocks());

describe('an access code on the page of an event', () => {
  it('is entered once and leads to the seats', async () => {
    signInAs('buyer');
    known(friends());
    answer('post', '/events/evt_1/presale-access', async ({ request }) => {
      expect(await request.json()).toEqual({ code: 'abcd-efgh' });
      mine = [friends()];
      return HttpResponse.json(friends());
    });
    show();
    expect(screen.queryByTestId('choose-seats')).not.toBeInTheDocument();
    await enter('abcd-efgh');
    expect(await screen.findByText('Your access code is accepted')).toBeVisible();
    expect(screen.getByTestId('choose-seats')).toBeVisible();
    expect(screen.queryByLabelText('I have an access code')).not.toBeInTheDocument();
  });

  it.each<[number, string, Record<string, string>, RegExp]>([
    [422, 'access_code_invalid', {}, /no access code of this event/],
    [409, 'access_code_used_up', {}, /as often as it can be/],
    [409, 'presale_over', { on_sale_at: '2030-01-01T10:00:00Z' }, /Everybody can buy from/],
    [429, 'too_many_requests', {}, /Too many tries. Wait 30 seconds/],
  ])('is refused beside its field: %s %s', async (status, code, extra, said) => {
    signInAs('buyer');
    known(friends());
    answer('post', '/events/evt_1/presale-access', () => refusal(status, code, extra));
    show();
    await enter('wrong-code');
    expect(await screen.findByRole('alert')).toHaveTextContent(said);
    const field = screen.getByLabelText('I have an access code');
    expect(field).toBeInvalid();
    expect(field).toHaveAccessibleDescription(said);
    expect(field).toHaveValue('wrong-code');
  });

  it('opens the seats by itself when its window opens', async () => {
    signInAs('buyer');
    const soon = friends({ opens_at: at(HOUR_MS) });
    mine = [soon];
    known(soon);
    show();
    expect(await screen.findByText(/as soon as Friends opens/)).toBeVisible();
    expect(screen.queryByTestId('choose-seats')).not.toBeInTheDocument();
    const later = Date.now() + HOUR_MS + 1000;
    vi.spyOn(Date, 'now').mockImplementation(() => later);
    act(() => void document.dispatchEvent(new Event('visibilitychange')));
    await waitFor(() => expect(screen.getByTestId('choose-seats')).toBeVisible());
  });

  it('asks a stranger to sign in and to come back', async () => {
    known(friends());
    show();
    const link = await screen.findByRole('link', { name: 'Sign in to use an access code' });
    expect(link.getAttribute('href')).toContain(encodeURIComponent('/events/evt_1'));
  });

  it('is not asked for where there is no presale, or one that is over', async () => {
    signInAs('buyer');
    known(friends({ closes_at: at(-1000) }));
    const { client } = show();
    await waitFor(() => expect(client.getQueryData(['presales', 'evt_1'])).toHaveLength(1));
    expect(screen.queryByTestId('presale')).not.toBeInTheDocument();
  });
});
