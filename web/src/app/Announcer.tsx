import { useRouter } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { focusOn, keepFocus } from './focus';

/**
 * Takes the focus along from page to page and from step to step, and says the name of each page: without this nothing
 * tells a screen reader that another page has come.
 */
export function Announcer() {
  const router = useRouter();
  const [said, setSaid] = useState('');

  useEffect(() => {
    const main = document.getElementById('main');
    if (!main) return undefined;
    const release = keepFocus(main);
    const unsubscribe = router.subscribe('onRendered', ({ fromLocation, pathChanged }) => {
      if (!fromLocation || !pathChanged) return;
      const { activeElement } = document;
      // A page may have put the focus where its work begins.
      if (activeElement !== main && main.contains(activeElement)) return;
      focusOn(main);
    });
    return () => {
      release();
      unsubscribe();
    };
  }, [router]);

  useEffect(() => {
    const title = document.querySelector('title');
    if (!title) return undefined;
    // The title of the first page is read by the screen reader itself.
    const observer = new MutationObserver(() => setSaid(document.title));
    observer.observe(title, { childList: true, characterData: true, subtree: true });
    return () => observer.disconnect();
  }, []);

  return (
    <p role="status" className="sr-only" data-testid="announcer">
      {said}
    </p>
  );
}
