import { http } from './http';
import { idempotent } from './intent';
import type { EventInfo, RescheduleDraft, ReschedulePreview } from './types';

const path = (event: string) => `/events/${encodeURIComponent(event)}`;

/** Moving a published event to another date or place. */
export const reschedule = {
  /** What buyers would be told, and how many; nothing is done. */
  preview: async (event: string, draft: RescheduleDraft) =>
    (await http.post<ReschedulePreview>(`${path(event)}/reschedule-preview`, draft)).data,
  move: async (event: string, draft: RescheduleDraft, key: string) =>
    (await http.post<EventInfo>(`${path(event)}/reschedule`, draft, idempotent(key))).data,
};
