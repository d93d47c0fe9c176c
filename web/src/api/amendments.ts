import { LARGE_TIMEOUT_MS } from './calls';
import { http } from './http';
import { idempotent } from './intent';
import type { Amendment, AmendmentDraft, AmendmentPreview } from './types';

const path = (event: string) => `/events/${encodeURIComponent(event)}`;
const large = { timeout: LARGE_TIMEOUT_MS };

/** Another plan for a published event. */
export const amendments = {
  /** What it would change, and who is in the way; nothing is done. */
  preview: async (event: string, draft: AmendmentDraft) =>
    (await http.post<AmendmentPreview>(`${path(event)}/amendment-preview`, draft, large)).data,
  amend: async (event: string, draft: AmendmentDraft, key: string) => {
    const options = { ...idempotent(key), ...large };
    const { data } = await http.post<{ amendment: Amendment }>(
      `${path(event)}/amendment`,
      draft,
      options,
    );
    return data.amendment;
  },
  /** null where the event has the plan that it was published with. */
  latest: async (event: string) =>
    (await http.get<{ amendment: Amendment | null }>(`${path(event)}/amendment`)).data.amendment,
};
