import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { beforeEach, expect, it, vi } from 'vitest';
import { anAuditEntry } from '@/test/admin';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { Audit } from './AuditPage';

beforeEach(() => {
  signInAs('admin');
});

it('shows who did what, and asks for what the address says', async () => {
  const asked: Record<string, string>[] = [];
  answer('get', '/audit', ({ request }) => {
    asked.push(Object.fromEntries(new URL(request.url).searchParams));
    const operator = { id: null, role: 'operator', email: null };
    const items = [
      anAuditEntry(),
      anAuditEntry({ id: 'aud_2', act: 'account.created', actor: operator, request_id: null }),
      anAuditEntry({ id: 'aud_3', act: 'of.a.later.version' }),
    ];
    return HttpResponse.json({ items, next_cursor: null, missing: [] });
  });
  const search = { actor: 'usr_1', act: 'event', from: '2030-01-01', to: '2030-01-02' };
  renderPage(<Audit search={search} onSearch={vi.fn()} />);
  const [changed, made, later] = await screen.findAllByTestId('audit-entry');
  expect(changed).toHaveTextContent('Event changed');
  expect(changed).toHaveTextContent('event:evt_1');
  expect(changed).toHaveTextContent('fields: title and venue');
  expect(changed).not.toHaveTextContent('reason');
  expect(changed).toHaveTextContent('by olga@example.org (organizer)');
  expect(changed).toHaveTextContent('Request req_1');
  expect(made).toHaveTextContent('the operator, on the command line');
  expect(later).toHaveTextContent('of.a.later.version');
  const [{ since, until, ...others } = {}] = asked;
  expect(others).toEqual({ actor: 'usr_1', act: 'event' });
  expect(Date.parse(until ?? '') - Date.parse(since ?? '')).toBe(2 * 86_400_000);
  expect(within(changed as HTMLElement).getByText('event:evt_1')).toHaveAttribute(
    'href',
    expect.stringContaining('object=event%3Aevt_1'),
  );
});

it('puts a search into the address', async () => {
  answer('get', '/audit', () => HttpResponse.json({ items: [], next_cursor: null, missing: [] }));
  const search = vi.fn();
  renderPage(<Audit search={{}} onSearch={search} />);
  expect(await screen.findByTestId('no-audit-entry')).toHaveTextContent(
    'Nothing was done by staff',
  );
  await userEvent.selectOptions(screen.getByTestId('audit-act'), 'order');
  await userEvent.type(screen.getByTestId('audit-object'), ' order:ord_1 {Enter}');
  expect(search).toHaveBeenCalledExactlyOnceWith({ act: 'order', object: 'order:ord_1' });
});

it('says which services are missing, and goes on behind an empty page', async () => {
  answer('get', '/audit', ({ request }) => {
    const first = new URL(request.url).searchParams.get('cursor') === null;
    const items = first ? [] : [anAuditEntry()];
    return HttpResponse.json({ items, next_cursor: first ? 'c' : null, missing: ['tickets'] });
  });
  renderPage(<Audit search={{ act: 'event' }} onSearch={vi.fn()} />);
  expect(await screen.findByTestId('audit-missing')).toHaveTextContent('tickets');
  await userEvent.click(screen.getByTestId('more-audit-entry'));
  expect(await screen.findByTestId('audit-entry')).toBeVisible();
});

it('says that it could not be loaded', async () => {
  answer('get', '/audit', () =>
    refusal(403, 'forbidden', { detail: 'This needs the role admin.' }),
  );
  renderPage(<Audit search={{}} onSearch={vi.fn()} />);
  expect(await screen.findByText('This needs the role admin.')).toBeVisible();
});
