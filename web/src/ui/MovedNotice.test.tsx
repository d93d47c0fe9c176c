import { render, screen } from '@testing-library/react';
import { expect, it } from 'vitest';
import { MovedNotice } from '@/ui/MovedNotice';

const move = {
  from_starts_at: '2030-03-01T19:30:00Z',
  from_venue: 'Harbour Theatre',
  starts_at: '2030-05-01T19:30:00Z',
  venue: 'Harbour Theatre',
  message: 'The singer is ill.',
};

it('says from when to when, and no place that stays', () => {
  render(<MovedNotice move={move} timezone="UTC" />);
  const notice = screen.getByTestId('moved');
  expect(notice).toHaveTextContent(/new date/);
  expect(notice).toHaveTextContent(/2030.*2030.*The singer is ill/);
  expect(notice).not.toHaveTextContent(/Harbour/);
});

it('says from where to where, and no date that stays', () => {
  render(
    <MovedNotice
      move={{ ...move, starts_at: move.from_starts_at, venue: 'Town Hall' }}
      timezone="UTC"
    />,
  );
  const notice = screen.getByTestId('moved');
  expect(notice).toHaveTextContent(/new place/);
  expect(notice).toHaveTextContent(/from Harbour Theatre to Town Hall/);
  expect(notice).not.toHaveTextContent(/2030/);
});
