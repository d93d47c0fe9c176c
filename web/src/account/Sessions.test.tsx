import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { expect, it } from 'vitest';
import type { AccountSession } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { Sessions } from './Sessions';

const session = (id: string, device: string, current = false): AccountSession => ({
  id,
  device,
  current,
  created_at: '2026-11-20T10:00:00Z',
  last_used_at: '2026-11-28T10:00:00Z',
  expires_at: '2026-12-28T10:00:00Z',
});

it('lists the devices and signs one or all others out', async () => {
  signInAs();
  let sessions = [
    session('ses_1', 'Firefox on Linux', true),
    session('ses_2', 'Safari on iPhone'),
    session('ses_3', 'Edge on Windows'),
  ];
  answer('get', '/me/sessions', () => HttpResponse.json({ items: sessions, next_cursor: null }));
  answer('delete', '/me/sessions/ses_2', () => {
    sessions = sessions.filter(({ id }) => id !== 'ses_2');
    return new HttpResponse(null, { status: 204 });
  });
  answer('delete', '/me/sessions', () => {
    sessions = sessions.filter(({ current }) => current);
    return new HttpResponse(null, { status: 204 });
  });
  const user = userEvent.setup();
  renderPage(<Sessions />);
  expect(await screen.findByText('This device')).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Sign out Safari on iPhone' }));
  await waitFor(() => expect(screen.queryByText('Safari on iPhone')).not.toBeInTheDocument());
  await user.click(screen.getByRole('button', { name: 'Sign out everywhere else' }));
  await waitFor(() => expect(screen.queryByText('Edge on Windows')).not.toBeInTheDocument());
  expect(screen.getByText('Firefox on Linux')).toBeVisible();
  expect(screen.queryByRole('button')).not.toBeInTheDocument();
});

it('says where a device could not be signed out', async () => {
  signInAs();
  const items = [session('ses_1', 'Firefox on Linux', true), session('ses_2', 'curl')];
  answer('get', '/me/sessions', () => HttpResponse.json({ items, next_cursor: null }));
  answer('delete', '/me/sessions/ses_2', () => refusal(404, 'session_not_found'));
  renderPage(<Sessions />);
  await userEvent.click(await screen.findByRole('button', { name: 'Sign out curl' }));
  expect(await screen.findByRole('alert')).toHaveTextContent('session_not_found');
});
