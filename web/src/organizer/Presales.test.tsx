import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AccessCode, Presale } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { anEvent } from '@/test/events';
import { renderPage } from '@/test/render';
import { Presales } from './Presales';

const path = '/events/evt_1/presales';
const codesPath = `${path}/psl_1/codes`;
const friends: Presale = {
  id: 'psl_1',
  name: 'Friends',
  opens_at: '2026-01-01T10:00:00.000Z',
  closes_at: null,
};
const generated: AccessCode = {
  id: 'acc_1',
  code: 'ABCD-EFGH-JKMN',
  begins_with: 'AB',
  uses: 1,
  max_uses: 3,
  uses_left: 2,
  revoked_at: null,
};
const own: AccessCode = { ...generated, id: 'acc_2', code: null, begins_with: 'FR' };

let windows: Presale[] = [];
let codes: AccessCode[] = [];

beforeEach(() => {
  signInAs('organizer');
  windows = [friends];
  codes = [];
  answer('get', path, () =>
    HttpResponse.json({ items: windows, server_time: new Date().toISOString() }),
  );
  answer('get', codesPath, () => HttpResponse.json({ items: codes, next_cursor: null }));
});

const show = () =>
  renderPage(
    <Presales event={anEvent({ state: 'scheduled', on_sale_at: '2030-01-01T10:00:00.000Z' })} />,
  );
const button = (name: string) => screen.findByRole('button', { name });

describe('the presales of an event', () => {
  it('begin with a window on the venue’s clocks', async () => {
    windows = [];
    let sent: unknown;
    answer('post', path, async ({ request }) => {
      sent = await request.json();
      windows = [friends];
      return HttpResponse.json(friends, { status: 201 });
    });
    show();
    await userEvent.type(await screen.findByLabelText('Name'), 'Friends');
    await userEvent.type(screen.getByLabelText('Presale opens'), '2029-06-01T12:00');
    await userEvent.click(await button('Add the presale'));
    expect(await screen.findByRole('article', { name: 'Friends' })).toBeVisible();
    expect(sent).toEqual({ name: 'Friends', opens_at: '2029-06-01T10:00:00Z', closes_at: null });
  });

  it('say beside the field what is wrong with a window', async () => {
    windows = [];
    answer('post', path, () =>
      refusal(422, 'validation_failed', { errors: { opens_at: 'is not before the general sale' } }),
    );
    show();
    await userEvent.type(await screen.findByLabelText('Name'), 'Late');
    await userEvent.type(screen.getByLabelText('Presale opens'), '2031-06-01T12:00');
    await userEvent.click(await button('Add the presale'));
    await waitFor(() =>
      expect(screen.getByLabelText('Presale opens')).toHaveAccessibleDescription(
        'is not before the general sale',
      ),
    );
  });

  it('keep what a change does not touch', async () => {
    let sent: unknown;
    answer('patch', `${path}/psl_1`, async ({ request }) => {
      sent = await request.json();
      windows = [{ ...friends, name: 'Members' }];
      return HttpResponse.json(windows[0]);
    });
    show();
    const window = within(await screen.findByRole('article', { name: 'Friends' }));
    await userEvent.click(window.getByText('Change its name or times'));
    await userEvent.clear(window.getByLabelText('Name'));
    await userEvent.type(window.getByLabelText('Name'), 'Members');
    await userEvent.click(window.getByRole('button', { name: 'Save the presale' }));
    expect(await screen.findByRole('article', { name: 'Members' })).toBeVisible();
    expect(sent).toEqual({ ...friends, id: undefined, name: 'Members' });
  });

  it('end now', async () => {
    let closesAt = '';
    answer('patch', `${path}/psl_1`, async ({ request }) => {
      closesAt = ((await request.json()) as Presale).closes_at ?? '';
      windows = [{ ...friends, closes_at: closesAt }];
      return HttpResponse.json(windows[0]);
    });
    show();
    await userEvent.click(await button('End now: Friends'));
    expect(await screen.findByText(/^Over:/)).toBeVisible();
    expect(Math.abs(Date.parse(closesAt) - Date.now())).toBeLessThan(60_000);
  });
});

describe('access codes', () => {
  it('are generated', async () => {
    let sent: unknown;
    answer('post', codesPath, async ({ request }) => {
      sent = await request.json();
      codes = [generated];
      return HttpResponse.json({ made: 1 }, { status: 201 });
    });
    show();
    expect(await screen.findByText(/nobody can buy in this presale/)).toBeVisible();
    await userEvent.type(screen.getByLabelText('Codes to generate'), '50');
    await userEvent.click(await button('Generate'));
    const row = await screen.findByRole('row', { name: /ABCD-EFGH-JKMN/ });
    expect(row).toHaveTextContent('1 of 3');
    expect(sent).toEqual({ generate: { count: 50, max_uses: 1 } });
    expect(await button('Generated codes as CSV')).toBeVisible();
  });

  it('of one’s own are refused beside their field, and shown by their beginning', async () => {
    answer('post', codesPath, () =>
      refusal(422, 'validation_failed', {
        errors: { 'codes.0.code': 'exists already for this event' },
      }),
    );
    show();
    const field = await screen.findByLabelText('A code of your own');
    await userEvent.type(field, 'FRIENDS-24');
    await userEvent.type(screen.getByLabelText('Accounts, at most'), '100');
    await userEvent.click(await button('Add'));
    expect(await screen.findByText('It exists already for this event.')).toBeVisible();
    expect(field).toBeInvalid();
    answer('post', codesPath, async ({ request }) => {
      expect(await request.json()).toEqual({ codes: [{ code: 'FRIENDS-24', max_uses: 100 }] });
      codes = [own];
      return HttpResponse.json({ made: 1 }, { status: 201 });
    });
    await userEvent.click(await button('Add'));
    expect(await screen.findByRole('row', { name: /FR…/ })).toBeVisible();
    expect(screen.queryByText('Generated codes as CSV')).not.toBeInTheDocument();
  });

  it('are revoked', async () => {
    codes = [generated, own];
    answer('delete', `${codesPath}/acc_1`, () => {
      codes = [{ ...generated, revoked_at: '2026-02-01T10:00:00Z' }, own];
      return new HttpResponse(null, { status: 204 });
    });
    show();
    await userEvent.click(await button('Revoke the code ABCD-EFGH-JKMN'));
    expect(await screen.findByText('Revoked')).toBeVisible();
    expect(await button('Revoke the code FR…')).toBeVisible();
  });
});
