import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import { restoreSession } from '@/api/http';
import { useSession } from '@/api/session';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { RequireSession } from './RequireSession';

const page = (
  <RequireSession roles={['gate', 'admin']}>
    <h1>Gate</h1>
  </RequireSession>
);

describe('a page for some', () => {
  it('is shown to who has the role', async () => {
    signInAs('gate');
    renderPage(page);
    expect(await screen.findByRole('heading', { name: 'Gate' })).toBeVisible();
  });

  it('tells a person without the role whom it is for', async () => {
    signInAs('buyer');
    renderPage(page);
    expect(await screen.findByText(/This part is for gate accounts/)).toBeVisible();
    expect(screen.queryByRole('heading', { name: 'Gate' })).not.toBeInTheDocument();
  });

  it('sends a stranger to sign in, and knows the way back', async () => {
    const { router } = renderPage(page, '/gate');
    await waitFor(() => expect(router.state.location.pathname).toBe('/sign-in'));
    expect(router.state.location.search).toEqual({ next: '/gate' });
  });

  it('is not lost when the server is away while the session is picked up', async () => {
    localStorage.setItem('houseful.session', '1');
    useSession.setState({ status: 'starting' });
    answer('post', '/auth/refresh', () => HttpResponse.error());
    await restoreSession();
    renderPage(page);
    const again = await screen.findByRole('button', { name: /again/i });

    answer('post', '/auth/refresh', () => refusal(401, 'session_ended'));
    await userEvent.click(again);
    await waitFor(() => expect(useSession.getState().status).toBe('anonymous'));
  });
});
