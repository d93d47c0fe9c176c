import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type SubmitEvent } from 'react';
import { ApiError } from '@/api/problem';
import { gate, staffQuery } from '@/api/gate';
import { formValue } from '@/lib/form';
import { Button } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { Field } from '@/ui/Field';

/** Who may scan for the event: named accounts, or every gate account while none is named. */
export function GateStaff({ eventId }: { eventId: string }) {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(staffQuery(eventId));
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<string | null>(null);

  const change = async (work: () => Promise<unknown>) => {
    setBusy(true);
    setRefused(null);
    try {
      await work();
      await client.invalidateQueries({ queryKey: staffQuery(eventId).queryKey });
      return true;
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setRefused(problem.errors['email'] ? `This ${problem.errors['email']}.` : problem.message);
      return false;
    } finally {
      setBusy(false);
    }
  };

  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const email = formValue(new FormData(form), 'email').trim();
    if (await change(() => gate.addStaff(eventId, email))) form.reset();
  };

  if (error && !data) {
    return <ErrorState error={error} what="The gate staff" onRetry={() => void refetch()} />;
  }
  const members = data ?? [];
  return (
    <section aria-labelledby="gate-staff" className="grid max-w-xl gap-4" data-testid="gate-staff">
      <h2 id="gate-staff" className="display text-3xl">
        Gate staff
      </h2>
      <p className="text-soft">
        {members.length === 0
          ? 'Every gate account of this house may scan. As soon as you name one, only named ones may.'
          : 'Only these accounts may scan, besides you and administrators.'}
      </p>
      {members.length > 0 && (
        <ul className="grid gap-2">
          {members.map((member) => (
            <li key={member.user_id} className="flex items-center justify-between gap-4">
              <span className="min-w-0 wrap-anywhere">
                {member.name} · <span className="text-soft">{member.email}</span>
              </span>
              <Button
                kind="plain"
                disabled={busy}
                aria-label={`Take ${member.name} off the gate staff`}
                onClick={() => void change(() => gate.removeStaff(eventId, member.user_id))}
              >
                Remove
              </Button>
            </li>
          ))}
        </ul>
      )}
      <form onSubmit={(event) => void submit(event)} className="flex items-start gap-3">
        <div className="grow">
          <Field
            label="Email of a gate account"
            name="email"
            type="email"
            required
            error={refused ?? undefined}
            data-testid="gate-staff-email"
          />
        </div>
        <Button type="submit" className="mt-6.5" busy={busy && 'Saving'}>
          Add
        </Button>
      </form>
    </section>
  );
}
