import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import * as calls from '@/api/calls';
import { eventQuery } from '@/api/queries';
import type { EventDraft } from '@/api/types';
import { ErrorState } from '@/ui/ErrorState';
import { Page } from '@/ui/Page';
import { RequireSession } from '@/ui/RequireSession';
import { PageSkeleton } from '@/ui/Skeleton';
import { EventForm } from './EventForm';

const route = getRouteApi('/organizer/$eventId/edit');

export function EditEventPage() {
  return (
    <RequireSession roles={['organizer', 'admin']}>
      <Edit />
    </RequireSession>
  );
}

function Edit() {
  const { eventId } = route.useParams();
  const client = useQueryClient();
  const navigate = useNavigate();
  const { data: event, error, refetch } = useQuery(eventQuery(eventId));
  if (error) return <ErrorState error={error} what="This event" onRetry={() => void refetch()} />;
  if (!event) return <PageSkeleton />;
  const save = async (draft: Partial<EventDraft>) => {
    client.setQueryData(eventQuery(eventId).queryKey, await calls.events.update(eventId, draft));
    await client.invalidateQueries({ queryKey: ['events'] });
    await navigate({ to: '/organizer/$eventId', params: { eventId } });
  };
  return (
    <Page
      title="Change the event"
      lead={
        event.state === 'draft'
          ? 'A draft: everything can change.'
          : 'Published: nobody who has a seat loses it, or pays more. Its page has “Move to another date” and “Change the plan”.'
      }
    >
      <div className="max-w-3xl">
        <EventForm event={event} submitLabel="Save the changes" onSave={save} />
      </div>
    </Page>
  );
}
