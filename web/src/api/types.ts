/**
 * The HTTP contract as the browser sees it: short names for what is generated from the API's own document
 * (`make types`). Times are RFC 3339 in UTC, money is integers of minor units.
 */
import type { components, paths } from './schema';

type Schemas = components['schemas'];

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export type User = Schemas['AccountView'];
export type Role = User['roles'][number];
export type AccountSession = Schemas['SessionView'];
export type AccountExport = Schemas['ExportView'];
export type SecondFactor = Schemas['SecondFactorView'];
export type Enrolment = Schemas['EnrolmentView'];
export type Passkey = Schemas['PasskeyView'];
export type Passkeys = Schemas['PasskeysView'];
export type PasskeyOptions = Schemas['PasskeyOptionsView'];
/** A passkey's answer to a challenge. */
export type PasskeyCredential = Schemas['CredentialInput'];
export type SessionGrant = Schemas['TokensView'];
export type EventInfo = Schemas['EventView'];
/** That an event was moved: from when and where to when and where. */
export type Reschedule = Schemas['RescheduleView'];
export type RescheduleDraft = Schemas['RescheduleInput'];
export type ReschedulePreview = Schemas['ReschedulePreviewView'];
export type EventState = EventInfo['state'];
export type Area = Schemas['AreaView'];
export type EventDraft = Omit<Schemas['NewEventInput'], 'plan' | 'currency'> & {
  plan: unknown;
  currency: string;
};
export type Inventory = Schemas['InventoryView'];
export type Category = Schemas['CategoryView'];
export type Section = Schemas['SectionView'];
export type SectionSeat = Schemas['SeatView'];
export type SeatStatus = SectionSeat['status'];
export type PricedSeat = Schemas['PricedSeatView'];
export type Seat = Omit<SectionSeat, 'ordinal'>;
export type HoldRequest =
  | { seats: string[] }
  | { best_available: { category?: string; section?: string; quantity: number } };
export type Hold = Schemas['HoldView'];
export type Buyer = Schemas['BuyerView'];
export type Order = Schemas['OrderView'];
export type OrderStatus = Order['status'];
export type Card = Schemas['CardInput'];
export type PaymentAnswer = Schemas['ConfirmationView'];
export type PaymentIntent = Schemas['IntentView'];
export type Ticket = Schemas['TicketView'];
export type CheckinRequest = Schemas['ScanInput'];
export type Checkin = Schemas['CheckinView'];
export type GateList = Schemas['GateListView'];
export type GateName = Schemas['GateNameView'];
export type GateFigures = Schemas['GateView'];
export type StaffMember = Schemas['StaffMemberView'];
export type TicketKey =
  paths['/api/tickets/keys']['get']['responses'][200]['content']['application/json']['items'][number];
export type Sales = Schemas['SalesView'];
export type OrderEmail = Schemas['EmailView'];
export type UndeliveredEmail = Schemas['UndeliveredView'];
/** What the order desk sees of an order. */
export type DeskOrder = Schemas['DeskOrderView'];
export type Amendment = Schemas['AmendmentView'];
export type AmendmentDraft = { plan: unknown; prices: Record<string, number> };
export type AmendmentPreview = Schemas['AmendmentPreviewView'];
export type DeskOrderDetails = Schemas['DeskOrderDetailsView'];
export type DeskSeat = Schemas['DeskSeatView'];
export type HistoryEntry = Schemas['HistoryView'];
export type Correction = Required<Schemas['CorrectionInput']>;
export type DeskRefund = { seats: string[]; reason: string };
export type Line = Schemas['LineView'];
export type LinePhase = Schemas['Phase'];
/** Somebody's own place in a line. */
export type LineEntry = Schemas['PlaceView'];
export type LinePass = Schemas['PassView'];
export type LineAudit = Schemas['Audit'];
/** What the organizer sees of it. */
export type LineControl = Schemas['ControlView'];
export type LineShop = LineControl['shop'];
export type LineHistory = Schemas['ControlHistoryView'];
export type LineAct = Schemas['ControlActView'];
export type LineOrder = Schemas['ControlInput'];
export type Presale = Schemas['PresaleView'];
export type Presales = Schemas['PresalesView'];
export type PresaleDraft = Schemas['PresaleInput'];
export type AccessCode = Schemas['AccessCodeView'];
export type NewCodes =
  | { codes: Schemas['ChosenCodeInput'][] }
  | { generate: Partial<Schemas['GeneratedCodesInput']> & { count: number } };
/** What an administrator sees. */
export type AdminUser = Schemas['UserView'];
export type AdminUserDetails = Schemas['AccountDetailsView'];
export type AuditEntry = Schemas['AuditEntryView'];
export type AuditTrail = Schemas['AuditTrailView'];
export type Health = Schemas['HealthView'];
export type ParkedKey = Schemas['ParkedView'];
export type ParkedDetails = Schemas['ParkedDetailsView'];
export type StuckMessage = Schemas['StuckMessageView'];
export type DeadLetter = Schemas['DeadLetterView'];
export type AccountEmail = Schemas['AccountEmailView'];
export type QueuedEmail = Schemas['QueuedEmailView'];
