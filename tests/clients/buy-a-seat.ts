// Buys a seat with a generated TypeScript client alone: `node buy-a-seat.mjs URL`. Ends with the ticket's code.
// The generated client lies in ./client beside it, see test_generated_clients.py.
import {
  eventsListEvents,
  paymentsConfirm,
  ticketsGetOrder,
  ticketsHold,
  ticketsOrder,
  ticketsOrderTickets,
  ticketsSeats,
  ticketsSections,
  usersLogin,
  usersRegister,
} from './client';
import { client } from './client/client.gen';
import type { EventView } from './client';

const email = 'tom@example.org';
const password = 'a long enough password';
const tries = 600;
const key = () => ({ 'Idempotency-Key': crypto.randomUUID() });
const pause = () => new Promise((resolve) => setTimeout(resolve, 100));

async function good<T>(answer: Promise<{ data: T | undefined; error: unknown }>): Promise<T> {
  const { data, error } = await answer;
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

async function onSale(): Promise<EventView> {
  for (let number = 0; number < tries; number += 1) {
    const { items } = await good(eventsListEvents({ query: { limit: 100 } }));
    const event = items.find((one) => one.state === 'on_sale');
    if (event) return event;
    await pause();
  }
  throw new Error('nothing is on sale');
}

client.setConfig({ baseUrl: process.argv[2] ?? '' });
await good(usersRegister({ body: { email, password, name: 'Tom' } }));
const tokens = await good(usersLogin({ body: { email, password } }));
client.setConfig({ auth: () => tokens.access_token });
const event = await onSale();
const sections = await good(ticketsSections({ path: { event_id: event.id } }));
const section = sections.items.find((one) => one.available > 0);
if (!section) throw new Error('no section has a seat');
const path = { event_id: event.id, section_id: section.id };
const seats = await good(ticketsSeats({ path }));
const seat = seats.items.find((one) => one.status === 'available');
if (!seat) throw new Error('no seat is free');
const hold = await good(
  ticketsHold({ path: { event_id: event.id }, body: { seats: [seat.id] }, headers: key() }),
);
const body = { hold_id: hold.hold_id, buyer: { name: 'Tom Thal', email } };
const order = await good(ticketsOrder({ body, headers: key() }));
const card = { number: '4242424242424242', exp: '12/39', cvc: '123' };
const { intent_id, client_secret } = order.payment;
if (!intent_id || !client_secret) throw new Error('the order has no payment');
await good(paymentsConfirm({ path: { intent_id }, body: { client_secret, card } }));
for (let number = 0; number < tries; number += 1) {
  const { status } = await good(ticketsGetOrder({ path: { order_id: order.id } }));
  if (status === 'confirmed') break;
  await pause();
}
const tickets = await good(ticketsOrderTickets({ path: { order_id: order.id } }));
const [ticket] = tickets.items;
if (ticket?.seat.id !== seat.id || ticket.status !== 'valid') throw new Error('no valid ticket');
console.log(`ticket: ${ticket.code}`);
