import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { healthQuery, receivers, services, type Service } from '@/api/admin';
import { ApiError } from '@/api/problem';
import type { Health } from '@/api/types';
import { cx } from '@/lib/cx';
import { spokenRemaining } from '@/lib/time';
import { count, counted } from '@/lib/words';
import { Notice } from '@/ui/Notice';
import { Skeleton } from '@/ui/Skeleton';
import { AdminFrame } from './AdminFrame';

/** Messages that wait longer than this are worth a look: the bus is away, or nobody relays. */
const OLD_SECONDS = 60;

export function HealthPage() {
  return (
    <AdminFrame title="Health">
      <HealthOfAll />
    </AdminFrame>
  );
}

export function HealthOfAll() {
  return (
    <div className="grid gap-10 md:grid-cols-2">
      {services.map((service) => (
        <ServiceHealth key={service} service={service} />
      ))}
      <p className="text-sm text-soft md:col-span-2">
        Each service tells of the process that answered just now. What a machine lacks, `houseful
        doctor` says on that machine.
      </p>
    </div>
  );
}

function ServiceHealth({ service }: { service: Service }) {
  const { data, error } = useQuery(healthQuery(service));
  const isAbsent = error instanceof ApiError && error.status === 404;
  return (
    <section aria-labelledby={`health-${service}`} className="grid content-start gap-3">
      <h2 id={`health-${service}`} className="display text-3xl first-letter:uppercase">
        {service}
      </h2>
      {isAbsent ? (
        <p className="text-soft">This installation has no such service.</p>
      ) : error ? (
        <Notice tone="bad" title="No answer" testId={`health-${service}-down`}>
          {error instanceof ApiError ? error.message : 'Something broke in this page.'}
        </Notice>
      ) : data ? (
        <Figures service={service} health={data} />
      ) : (
        <Skeleton label={`Loading ${service}`} className="h-32" />
      )}
    </section>
  );
}

function Figures({ service, health }: { service: Service; health: Health }) {
  const stuck = health.parked + health.dead_letters;
  const oldest = health.outbox_oldest_seconds;
  const receives = receivers.some((receiver) => receiver === service);
  return (
    <dl className="grid gap-2 wrap-anywhere" data-testid={`health-${service}`}>
      {Object.entries(health.checks).map(([name, outcome]) => (
        <Row key={name} name={name} good={outcome === 'ready'}>
          {outcome === 'ready' ? 'Ready' : outcome}
        </Row>
      ))}
      <Row name="messages to be sent" good={(oldest ?? 0) < OLD_SECONDS}>
        {oldest === null
          ? 'None wait'
          : `${count(health.outbox_waiting)}, the oldest for ${spokenRemaining(oldest * 1000)}`}
      </Row>
      {receives && (
        <Row name="messages that got stuck" good={stuck === 0}>
          {stuck === 0 ? (
            'None'
          ) : (
            <Link to="/admin/messages" className="underline underline-offset-4">
              {counted(health.parked, 'parked key')} and{' '}
              {counted(health.dead_letters, 'dead letter')}
            </Link>
          )}
        </Row>
      )}
      {health.retrying > 0 && (
        <Row name="tried again by itself" good>
          {counted(health.retrying, 'key')}
        </Row>
      )}
    </dl>
  );
}

interface RowProps {
  name: string;
  good: boolean;
  children: React.ReactNode;
}

function Row({ name, good, children }: RowProps) {
  return (
    <div className="flex flex-wrap justify-between gap-x-4 border-b border-line pb-2">
      <dt className="first-letter:uppercase">{name}</dt>
      <dd
        data-good={good}
        className={cx(
          'inline-flex items-center gap-1.5 font-medium',
          good ? 'text-ok' : 'text-bad',
        )}
      >
        <span aria-hidden className="size-1.5 shrink-0 rounded-full bg-current" />
        <span>{children}</span>
      </dd>
    </div>
  );
}
