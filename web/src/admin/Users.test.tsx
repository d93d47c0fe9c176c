import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { beforeEach, expect, it, vi } from 'vitest';
import { anAccount } from '@/test/admin';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { User, Users } from './UsersPage';

beforeEach(() => {
  signInAs('admin');
});

it('lists users, and more of them when asked', async () => {
  const asked: (string | null)[][] = [];
  answer('get', '/users', ({ request }) => {
    const { searchParams } = new URL(request.url);
    const cursor = searchParams.get('cursor');
    asked.push([searchParams.get('q'), cursor]);
    const user = anAccount(cursor === null ? {} : { id: 'usr_3', roles: ['buyer', 'gate'] });
    return HttpResponse.json({ items: [user], next_cursor: cursor === null ? 'more' : null });
  });
  renderPage(<Users query="bea" onSearch={vi.fn()} />);
  const row = await screen.findByTestId('user');
  expect(row).toHaveTextContent(/Bea Brandt.*bea@example.org.*buyer/);
  expect(within(row).getByRole('link')).toHaveAttribute('href', '/admin/users/usr_2');
  await userEvent.click(screen.getByTestId('more-user'));
  await expect.poll(() => screen.getAllByTestId('user').length).toBe(2);
  expect(screen.queryByTestId('more-user')).not.toBeInTheDocument();
  expect(asked).toEqual([
    ['bea', null],
    ['bea', 'more'],
  ]);
});

it('searches by the keyboard alone, and says that nobody was found', async () => {
  answer('get', '/users', () => HttpResponse.json({ items: [], next_cursor: null }));
  const search = vi.fn();
  renderPage(<Users query="zoe" onSearch={search} />);
  expect(await screen.findByTestId('no-user')).toHaveTextContent('Nobody was found for “zoe”');
  const field = screen.getByLabelText('Search users');
  await userEvent.clear(field);
  await userEvent.type(field, 'Bea{Enter}');
  expect(search).toHaveBeenCalledExactlyOnceWith('Bea');
});

it('changes roles after a confirmation, and shows them', async () => {
  let user = anAccount({ roles: ['buyer', 'gate'] });
  const sent: unknown[] = [];
  answer('get', '/users/usr_2', () => HttpResponse.json(user));
  answer('patch', '/users/usr_2', async ({ request }) => {
    sent.push(await request.json());
    user = anAccount({ roles: ['buyer', 'organizer'] });
    return HttpResponse.json(user);
  });
  renderPage(<User userId="usr_2" />);
  await userEvent.click(await screen.findByTestId('user-change-roles'));
  await userEvent.click(screen.getByTestId('role-organizer'));
  await userEvent.click(screen.getByTestId('role-gate'));
  expect(sent).toEqual([]);
  await userEvent.click(screen.getByTestId('user-change-roles-confirm'));
  await expect.poll(() => screen.getByTestId('user-roles').textContent).toBe('buyer and organizer');
  expect(sent).toEqual([{ roles: ['organizer'] }]);
});

it('keeps the own role admin', async () => {
  const sent: unknown[] = [];
  answer('get', '/users/usr_1', () =>
    HttpResponse.json(anAccount({ id: 'usr_1', roles: ['buyer', 'admin'] })),
  );
  answer('patch', '/users/usr_1', async ({ request }) => {
    sent.push(await request.json());
    return HttpResponse.json(anAccount());
  });
  renderPage(<User userId="usr_1" />);
  await userEvent.click(await screen.findByTestId('user-change-roles'));
  expect(screen.getByTestId('role-admin')).toBeDisabled();
  await userEvent.click(screen.getByTestId('user-change-roles-confirm'));
  await expect.poll(() => sent).toEqual([{ roles: ['admin'] }]);
});

it('signs somebody out everywhere, and says why it could not', async () => {
  let ended = 0;
  answer('get', '/users/usr_2', () =>
    HttpResponse.json(anAccount({ sessions: ended === 2 ? 0 : 2 })),
  );
  answer('delete', '/users/usr_2/sessions', () => {
    ended += 1;
    if (ended === 1) return refusal(403, 'forbidden', { detail: 'You are no admin any more.' });
    return new HttpResponse(null, { status: 204 });
  });
  renderPage(<User userId="usr_2" />);
  expect(await screen.findByTestId('user-sessions')).toHaveTextContent('2 sessions');
  await userEvent.click(screen.getByTestId('user-sign-out'));
  await userEvent.click(screen.getByTestId('user-sign-out-confirm'));
  expect(await screen.findByText('You are no admin any more.')).toBeVisible();
  await userEvent.click(screen.getByTestId('user-sign-out-confirm'));
  await expect.poll(() => screen.getByTestId('user-sessions').textContent).toBe('Nowhere');
});

it('says that there is no such user', async () => {
  answer('get', '/users/usr_9', () => refusal(404, 'user_not_found'));
  renderPage(<User userId="usr_9" />);
  expect(await screen.findByText('Not found')).toBeVisible();
});
