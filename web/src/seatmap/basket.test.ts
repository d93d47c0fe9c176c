// @vitest-environment jsdom
import { expect, it } from 'vitest';
import { anEvent } from '@/test/events';
import { sectionPrices } from './basket';
import { smallHall } from '@/lib/hall/testing';

it('says what a section costs from its lowest to its highest price', () => {
  const event = anEvent({ prices: { Near: 9500, Far: 4900 } });
  const [stalls, floor] = sectionPrices(event, smallHall());
  expect(stalls).toBe('€49–€95');
  expect(floor).toBe('€49');
});
