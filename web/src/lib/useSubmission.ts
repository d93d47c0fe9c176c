import { useState, type SubmitEvent } from 'react';
import { ApiError } from '@/api/problem';

type State = { step: 'idle' | 'busy' | 'done' } | { step: 'failed'; error: ApiError };

/** One thing that a person asks for and the server may refuse: a form that is sent, or a button that is pressed. */
export function useSubmission(
  work: (data: FormData, form: HTMLFormElement | null) => Promise<void>,
) {
  const [state, setState] = useState<State>({ step: 'idle' });
  const run = async (form: HTMLFormElement | null = null) => {
    setState({ step: 'busy' });
    try {
      await work(form ? new FormData(form) : new FormData(), form);
      setState({ step: 'done' });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setState({ step: 'failed', error });
    }
  };
  return {
    busy: state.step === 'busy',
    done: state.step === 'done',
    error: state.step === 'failed' ? state.error : null,
    errors: state.step === 'failed' ? state.error.errors : {},
    run: () => void run(),
    onSubmit: (event: SubmitEvent<HTMLFormElement>) => {
      event.preventDefault();
      void run(event.currentTarget);
    },
  };
}
