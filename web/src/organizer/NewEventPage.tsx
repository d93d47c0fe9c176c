import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import * as calls from '@/api/calls';
import { eventQuery } from '@/api/queries';
import type { EventDraft } from '@/api/types';
import { Page } from '@/ui/Page';
import { RequireSession } from '@/ui/RequireSession';
import { EventForm } from './EventForm';

export function NewEventPage() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const save = async (draft: Partial<EventDraft>) => {
    // The form has checked that everything a new event needs is there.
    const event = await calls.events.create(draft as EventDraft);
    client.setQueryData(eventQuery(event.id).queryKey, event);
    await client.invalidateQueries({ queryKey: ['events'] });
    await navigate({ to: '/organizer/$eventId', params: { eventId: event.id } });
  };
  return (
    <RequireSession roles={['organizer', 'admin']}>
      <Page
        title="New event"
        lead="It is saved as a draft that only you see, until you publish it."
      >
        <div className="max-w-3xl">
          <EventForm submitLabel="Save the draft" onSave={save} />
        </div>
      </Page>
    </RequireSession>
  );
}
