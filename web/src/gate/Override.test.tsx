import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CheckinRequest } from '@/api/types';
import { answer } from '@/test/api';
import {
  answerTheGate,
  atTheDoor,
  bodyOf,
  checkin,
  LISTED,
  page,
  sample,
  scan,
  slowly,
  verdict,
} from './gateTest';

// Needs WebAssembly from the server.
vi.mock('./codeReader', () => ({
  prepareReader: () => Promise.resolve(),
  openReader: () => Promise.reject(new Error('not here')),
}));

beforeEach(answerTheGate);
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a supervisor's override", () => {
  const used = (sent: CheckinRequest[] = []) =>
    answer('post', '/checkins', async ({ request }) => {
      const body = await bodyOf(request);
      sent.push(body);
      return HttpResponse.json(
        body.override_reason
          ? checkin(body, { flags: ['overridden'] })
          : checkin(body, { result: 'already_used' }),
      );
    });

  it('lets in with a reason, by the keyboard alone', async () => {
    await atTheDoor('organizer');
    const sent: CheckinRequest[] = [];
    used(sent);
    scan('TICKET-NUMBER-1');
    await verdict(1);
    screen.getByRole('button', { name: 'Let in anyway' }).focus();
    await userEvent.keyboard('{Enter}');
    expect(screen.getByLabelText('Why this person is let in')).toHaveFocus();
    await userEvent.keyboard('no{Enter}');
    expect(sent).toHaveLength(1);
    await slowly(() => userEvent.keyboard(', a twin{Enter}'));
    expect(await verdict(2)).toHaveAttribute('data-result', 'admitted');
    expect(screen.getByTestId('gate-overridden')).toBeVisible();
    expect(sent.map((one) => [one.code, one.override_reason])).toEqual([
      ['TICKET-NUMBER-1', undefined],
      ['TICKET-NUMBER-1', 'no, a twin'],
    ]);
    expect(sent[0]?.scan_id).not.toBe(sent[1]?.scan_id);
    expect(screen.queryByTestId('gate-override')).not.toBeInTheDocument();
  });

  it('is not for gate accounts', async () => {
    await atTheDoor('gate');
    used();
    scan('TICKET-NUMBER-1');
    await verdict(1);
    expect(screen.queryByTestId('gate-override')).not.toBeInTheDocument();
  });

  it('is kept and sent later where there is no network', async () => {
    answer('post', '/checkins/batch', () => HttpResponse.error());
    answer('get', '/events/:id/gate-list', () => HttpResponse.json(page({ refunded: LISTED })));
    await atTheDoor('admin');
    await screen.findByTestId('gate-listed');
    answer('post', '/checkins', () => HttpResponse.error());
    scan(sample.scanned);
    expect(await verdict(1)).toHaveAttribute('data-result', 'refunded');
    await userEvent.click(screen.getByTestId('gate-override'));
    const field = screen.getByTestId('gate-override-reason');
    await slowly(() => userEvent.type(field, 'paid again in cash{Enter}'));
    expect(await verdict(2)).toHaveAttribute('data-result', 'admitted');
    await waitFor(() => expect(screen.getByTestId('gate-queued')).toHaveTextContent('1 scan'));
  });
});
