import { Search } from 'lucide';
import type { ComponentProps, SubmitEvent } from 'react';
import { formValue } from '@/lib/form';
import { Button } from './Button';
import { inputClass } from './Field';
import { Icon } from './Icon';

/** What is looked for, named `q`, and the button of its form. */
export function SearchField(props: ComponentProps<'input'>) {
  return (
    <div className="flex flex-wrap gap-2">
      <div className="relative min-w-40 grow basis-0">
        <Icon
          of={Search}
          className="pointer-events-none absolute top-3.5 left-3 size-4 text-soft"
        />
        <input {...props} type="search" name="q" className={`${inputClass} pl-9`} />
      </div>
      <Button type="submit" kind="secondary">
        Search
      </Button>
    </div>
  );
}

interface Props {
  query: string;
  onSearch: (text: string) => void;
  label: string;
  hint: string;
  maxLength: number;
  testId: string;
}

/** The search above a list, and what one may look for. */
export function SearchBar({ query, onSearch, label, hint, maxLength, testId }: Props) {
  const submit = (submitted: SubmitEvent<HTMLFormElement>) => {
    submitted.preventDefault();
    onSearch(formValue(new FormData(submitted.currentTarget), 'q'));
  };
  return (
    <form role="search" onSubmit={submit} className="grid max-w-2xl gap-1.5">
      <SearchField
        key={query}
        defaultValue={query}
        maxLength={maxLength}
        autoComplete="off"
        aria-label={label}
        aria-describedby={`${testId}-hint`}
        data-testid={testId}
      />
      <p id={`${testId}-hint`} className="text-sm text-soft">
        {hint}
      </p>
    </form>
  );
}
