import type { DeskOrder } from '@/api/types';

/** Where the money of an order is. */
export const payments: Record<DeskOrder['payment'], string> = {
  none: 'Not begun',
  open: 'Not paid yet',
  authorized: 'Reserved on the card',
  captured: 'Taken',
  canceled: 'Ended without money',
  voided: 'Given back',
  refunded: 'Refunded',
};

/** What an email about an order is called. */
export const emailNames: Partial<Record<string, string>> = {
  confirmed: 'Email with the tickets',
  refunded: 'Email about the refund',
  part_refunded: 'Email about refunded seats',
  returned: 'Email about the returned payment',
  rescheduled: 'Email about the new date',
};
