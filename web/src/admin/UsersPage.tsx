import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { admin, userQuery, usersQuery } from '@/api/admin';
import type { AdminUserDetails, Role } from '@/api/types';
import { useSession } from '@/api/session';
import { formatMoment, localTimeZone } from '@/lib/time';
import { counted, listed } from '@/lib/words';
import { Act } from '@/ui/Act';
import { buttonClass } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { SearchBar } from '@/ui/SearchBar';
import { Skeleton } from '@/ui/Skeleton';
import { AdminFrame } from './AdminFrame';
import { PagedList } from './PagedList';

const listRoute = getRouteApi('/admin');
const userRoute = getRouteApi('/admin/users/$userId');

export function UsersPage() {
  const { q = '' } = listRoute.useSearch();
  const navigate = useNavigate({ from: '/admin' });
  return (
    <AdminFrame title="Users">
      <Users query={q} onSearch={(text) => void navigate({ search: text ? { q: text } : {} })} />
    </AdminFrame>
  );
}

export function Users({ query, onSearch }: { query: string; onSearch: (text: string) => void }) {
  const found = useInfiniteQuery(usersQuery(query));
  return (
    <>
      <SearchBar
        query={query}
        onSearch={onSearch}
        label="Search users"
        hint="By the beginning of a name or an email, or by the account’s id."
        maxLength={254}
        testId="users-search"
      />
      <PagedList
        query={found}
        what="The users"
        testId="user"
        idOf={(user) => user.id}
        nothing={query === '' ? 'There are no users yet.' : `Nobody was found for “${query}”.`}
      >
        {(user) => (
          <Link
            to="/admin/users/$userId"
            params={{ userId: user.id }}
            className="group flex flex-wrap items-start justify-between gap-x-4 gap-y-1"
          >
            <span className="grid min-w-40 grow basis-0 gap-0.5">
              <span className="font-semibold decoration-2 underline-offset-4 group-hover:underline">
                {user.name}
              </span>
              <span className="text-sm text-soft">{user.email}</span>
            </span>
            <span className="text-sm">{listed(user.roles)}</span>
          </Link>
        )}
      </PagedList>
    </>
  );
}

export function UserPage() {
  const { userId } = userRoute.useParams();
  return (
    <AdminFrame title="User">
      <User userId={userId} />
    </AdminFrame>
  );
}

export function User({ userId }: { userId: string }) {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(userQuery(userId));
  if (error && !data) {
    return <ErrorState error={error} what="This user" onRetry={() => void refetch()} />;
  }
  if (!data) return <Skeleton label="Loading the user" className="h-40" />;
  return <Details user={data} onDone={() => client.invalidateQueries({ queryKey: ['admin'] })} />;
}

const offered: { role: Role; words: string }[] = [
  { role: 'organizer', words: 'Organizer: makes events and serves their buyers' },
  { role: 'gate', words: 'Gate: scans tickets' },
  { role: 'admin', words: 'Admin: everything, of everybody' },
];

function Details({ user, onDone }: { user: AdminUserDetails; onDone: () => Promise<unknown> }) {
  const isMe = useSession((session) => session.user?.id === user.id);
  return (
    <section aria-labelledby="user-name" className="grid gap-6" data-testid="user-details">
      <header className="grid gap-1 wrap-anywhere">
        <h2 id="user-name" className="display text-3xl">
          {user.name}
        </h2>
        <p className="text-soft">{user.email}</p>
      </header>
      <dl className="grid gap-x-8 gap-y-2 wrap-anywhere sm:grid-cols-[max-content_1fr]">
        <Fact name="Roles" testId="user-roles">
          {listed(user.roles)}
        </Fact>
        <Fact name="Email address">
          {user.email_verified ? 'Confirmed by its owner' : 'Not confirmed yet'}
        </Fact>
        <Fact name="Second factor">{user.second_factor ? 'On' : 'Off'}</Fact>
        <Fact name="Signed in" testId="user-sessions">
          {user.sessions === 0 ? 'Nowhere' : counted(user.sessions, 'session')}
        </Fact>
        <Fact name="Account made">{formatMoment(user.created_at, localTimeZone)}</Fact>
        <Fact name="Id">{user.id}</Fact>
      </dl>
      <div className="flex flex-wrap gap-3" role="group" aria-label="Actions">
        <Act
          name="Change roles"
          testId="user-change-roles"
          title="Change the roles"
          submit="Give these roles"
          onDone={onDone}
          send={(data) =>
            admin.setRoles(
              user.id,
              offered.map(({ role }) => role).filter((role) => data.has(role)),
            )
          }
        >
          {(errors) => (
            <fieldset className="grid gap-1">
              <legend className="mb-1 text-sm">
                {user.name} may buy, and has these roles from the moment you press:
              </legend>
              {offered.map(({ role, words }) => (
                <label key={role} className="flex min-h-11 items-center gap-3">
                  <input
                    type="checkbox"
                    name={role}
                    defaultChecked={user.roles.includes(role)}
                    disabled={isMe && role === 'admin'}
                    data-testid={`role-${role}`}
                    className="size-5 shrink-0"
                  />
                  {words}
                </label>
              ))}
              {isMe && <input type="hidden" name="admin" value="on" />}
              {isMe && (
                <p className="text-sm text-soft">
                  Another administrator can take the role admin from you.
                </p>
              )}
              {errors['roles'] && <p className="text-sm text-bad">{errors['roles']}</p>}
            </fieldset>
          )}
        </Act>
        <Act
          name="Sign out everywhere"
          testId="user-sign-out"
          title="Sign out everywhere?"
          submit="Sign out"
          kind="danger"
          onDone={onDone}
          send={() => admin.endSessions(user.id)}
        >
          {() => (
            <p className="wrap-anywhere">
              {isMe ? 'You are' : `${user.name} is`} signed out on every device at once. The
              password stays: whoever knows it can sign in again.
            </p>
          )}
        </Act>
        <Link
          to="/admin/audit"
          search={{ object: `account:${user.id}` }}
          className={buttonClass('plain')}
        >
          Changes of this account
        </Link>
        <Link to="/admin/audit" search={{ actor: user.id }} className={buttonClass('plain')}>
          What {isMe ? 'you' : 'this person'} did
        </Link>
      </div>
    </section>
  );
}

function Fact({ name, testId, children }: { name: string; testId?: string; children: string }) {
  return (
    <>
      <dt className="text-soft">{name}</dt>
      <dd data-testid={testId}>{children}</dd>
    </>
  );
}
