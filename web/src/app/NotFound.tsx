import { ApiError } from '@/api/problem';
import { ErrorState } from '@/ui/ErrorState';

export function NotFound() {
  return <ErrorState error={new ApiError(404, {})} what="This page" />;
}
