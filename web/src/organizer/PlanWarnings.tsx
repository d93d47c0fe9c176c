import { Notice } from '@/ui/Notice';
import { Mistakes } from './Mistakes';

/** What of a plan buyers will find confusing; it can be published as it is. */
export function PlanWarnings({ warnings }: { warnings: Record<string, string> }) {
  if (Object.keys(warnings).length === 0) return null;
  return (
    <Notice tone="warn" title="Buyers can’t tell some seats apart" testId="plan-warnings">
      The plan can be used as it is. These places in it have labels that others have too, or counts
      that do not agree.
      <Mistakes errors={warnings} />
    </Notice>
  );
}
