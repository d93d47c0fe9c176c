import { useNavigate } from '@tanstack/react-router';
import { useState, type SubmitEvent } from 'react';
import { Field } from '@/ui/Field';
import { SearchField } from '@/ui/SearchBar';

interface Values {
  q?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export function SearchForm({ values }: { values: Values }) {
  const navigate = useNavigate({ from: '/' });
  const [dates, setDates] = useState(Boolean(values.from ?? values.to));
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const search: { q?: string; from?: string; to?: string } = {};
    for (const key of ['q', 'from', 'to'] as const) {
      const value = data.get(key);
      if (typeof value === 'string' && value.trim() !== '') search[key] = value.trim();
    }
    void navigate({ search });
  };
  return (
    <form role="search" onSubmit={submit} className="grid w-full gap-3 md:max-w-md">
      <SearchField
        defaultValue={values.q}
        aria-label="Search events or venues"
        placeholder="Event or venue"
        data-testid="search"
      />
      {dates ? (
        <div className="grid grid-cols-2 gap-3">
          <Field label="From" type="date" name="from" defaultValue={values.from} />
          <Field label="To" type="date" name="to" defaultValue={values.to} />
        </div>
      ) : (
        <button
          type="button"
          className="min-h-6 justify-self-start text-sm text-soft underline underline-offset-4"
          onClick={() => setDates(true)}
        >
          Choose dates
        </button>
      )}
    </form>
  );
}
