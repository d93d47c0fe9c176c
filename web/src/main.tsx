import { onlineManager, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { watchConnection } from '@/api/connection';
import { restoreSession } from '@/api/http';
import { createQueryClient } from '@/api/queries';
import { useSession } from '@/api/session';
import { router } from '@/app/router';
import { keepApp } from '@/app/version';
import './index.css';

const client = createQueryClient();

// What one person was shown is nothing for the next one at the same screen.
useSession.subscribe((now, before) => {
  if (before.user && now.user?.id !== before.user.id) client.clear();
});

watchConnection();
keepApp();
void restoreSession();
onlineManager.subscribe((online) => {
  if (online && useSession.getState().status === 'unreachable') void restoreSession();
});

const root = document.getElementById('root');
if (!root) throw new Error('The page has no root element.');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
