/** The HTTP contract as the browser sees it. Times are RFC 3339 in UTC, money is integers of minor units. */

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export type Role = 'buyer' | 'organizer' | 'gate' | 'admin';

export interface User {
  id: string;
  email: string;
  name: string;
  roles: Role[];
}

export interface SessionGrant {
  access_token: string;
  token_type: 'Bearer';
  expires_in: number;
  user: User;
}

export type EventState =
  'draft' | 'publishing' | 'on_sale' | 'scheduled' | 'sold_out' | 'ended' | 'cancelled';

export interface Area {
  zone: string;
  name: string;
  category: string;
  capacity: number;
}

export interface EventInfo {
  id: string;
  title: string;
  description: string | null;
  venue: string;
  starts_at: string;
  timezone: string;
  currency: string;
  on_sale_at: string | null;
  hold_seconds: number;
  max_seats_per_order: number;
  refundable_until: string | null;
  state: EventState;
  organizer_id: string;
  prices: Record<string, number>;
  areas: Area[];
  plan_name: string | null;
  plan_hash: string;
  seats_total: number;
  price_from_minor: number | null;
  price_to_minor: number | null;
  created_at: string;
  updated_at: string;
}

export interface EventDraft {
  title: string;
  description?: string;
  venue: string;
  starts_at: string;
  timezone: string;
  currency: string;
  on_sale_at?: string;
  hold_seconds?: number;
  max_seats_per_order?: number;
  refundable_until?: string;
  plan: unknown;
  prices: Record<string, number>;
  areas?: Area[];
}

export interface Inventory {
  event_id: string;
  state: 'generating' | 'ready' | 'failed';
  generated: number;
  total: number;
  detail: string | null;
}

export interface Category {
  name: string;
  color: string;
  price_minor: number;
  currency: string;
  total: number;
  available: number;
}

export interface Section {
  id: string;
  name: string;
  kind: 'seats' | 'standing';
  categories: string[];
  price_from_minor: number;
  price_to_minor: number;
  total: number;
  available: number;
}

export type SeatStatus = 'available' | 'held' | 'sold' | 'blocked';

export interface Seat {
  id: string;
  section_id: string;
  row: string;
  number: string;
  category: string;
  x: number;
  y: number;
  status: SeatStatus;
}

export interface SectionSeat extends Seat {
  ordinal: number;
}

export interface PricedSeat extends Seat {
  price_minor: number;
  section_name: string;
}

export type HoldRequest =
  | { seats: string[] }
  | { best_available: { category?: string; section?: string; quantity: number } };

export interface Hold {
  hold_id: string;
  event_id: string;
  status: 'active' | 'ordered' | 'released' | 'expired';
  seats: PricedSeat[];
  expires_at: string;
  server_time: string;
  total_minor: number;
  currency: string;
  order_id: string | null;
}

export interface Buyer {
  name: string;
  email: string;
}

export type OrderStatus =
  | 'awaiting_payment'
  | 'processing'
  | 'confirmed'
  | 'expired'
  | 'cancelled'
  | 'refunding'
  | 'refunded';

export interface Order {
  id: string;
  event_id: string;
  event_title: string;
  hold_id: string;
  status: OrderStatus;
  seats: PricedSeat[];
  total_minor: number;
  currency: string;
  buyer: Buyer;
  created_at: string;
  expires_at: string | null;
  server_time: string;
  payment: { intent_id: string; client_secret: string; status: string };
  detail: string | null;
}

export interface Card {
  number: string;
  exp: string;
  cvc: string;
}

export interface PaymentAnswer {
  id: string;
  status: 'succeeded' | 'processing' | 'requires_action';
  next_action?: { type: 'redirect'; url: string };
}

export interface PaymentIntent {
  id: string;
  status: string;
  amount_minor: number;
  currency: string;
}

export interface Ticket {
  id: string;
  order_id: string;
  event_id: string;
  seat: Omit<PricedSeat, 'price_minor' | 'status' | 'x' | 'y'>;
  code: string;
  status: 'valid' | 'used' | 'refunded';
  used_at: string | null;
  gate: string | null;
}

export interface CheckinRequest {
  code: string;
  gate: string;
  scan_id: string;
  scanned_at: string;
  event_id?: string;
}

export interface Checkin {
  result: 'admitted' | 'already_used' | 'wrong_event' | 'refunded' | 'invalid';
  ticket: Ticket | null;
  first_admission: { at: string; gate: string } | null;
  scan_id: string;
}

export interface Sales {
  event_id: string;
  currency: string;
  sold: number;
  held: number;
  available: number;
  total: number;
  gross_minor: number;
  refunded_minor: number;
  orders: number;
  admitted: number;
  by_category: { category: string; sold: number; total: number; gross_minor: number }[];
  per_minute: { at: string; seats: number; gross_minor: number }[];
}
