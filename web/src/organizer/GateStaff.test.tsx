import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import type { StaffMember } from '@/api/types';
import { answer, refusal, signInAs } from '@/test/api';
import { renderPage } from '@/test/render';
import { GateStaff } from './GateStaff';

const path = '/events/evt_1/gate-staff';
const gil: StaffMember = {
  user_id: 'usr_9',
  email: 'gil@example.org',
  name: 'Gil',
  added_at: '2026-11-28T10:00:00Z',
};

describe('the gate staff of an event', () => {
  it('is everybody until somebody is named', async () => {
    signInAs('organizer');
    let members: StaffMember[] = [];
    answer('get', path, () => HttpResponse.json({ items: members, next_cursor: null }));
    answer('post', path, async ({ request }) => {
      expect(await request.json()).toEqual({ email: 'gil@example.org' });
      members = [gil];
      return HttpResponse.json({ items: members, next_cursor: null });
    });
    renderPage(<GateStaff eventId="evt_1" />);
    expect(await screen.findByText(/Every gate account of this house may scan/)).toBeVisible();
    await userEvent.type(
      screen.getByLabelText('Email of a gate account'),
      'gil@example.org{Enter}',
    );
    expect(await screen.findByText(/Only these accounts may scan/)).toBeVisible();

    answer('delete', `${path}/usr_9`, () => {
      members = [];
      return new HttpResponse(null, { status: 204 });
    });
    await userEvent.click(screen.getByRole('button', { name: 'Take Gil off the gate staff' }));
    await waitFor(() => expect(screen.queryByText('gil@example.org')).not.toBeInTheDocument());
  });

  it('says why an address is refused', async () => {
    signInAs('organizer');
    answer('get', path, () => HttpResponse.json({ items: [], next_cursor: null }));
    answer('post', path, () =>
      refusal(422, 'validation_failed', { errors: { email: 'is no gate account' } }),
    );
    renderPage(<GateStaff eventId="evt_1" />);
    await userEvent.type(await screen.findByLabelText('Email of a gate account'), 'x@y.de{Enter}');
    expect(await screen.findByText('This is no gate account.')).toBeVisible();
  });
});
