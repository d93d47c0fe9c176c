// All pages of administration come in one file: whoever opens one goes on to the next.
export { AuditPage } from './AuditPage';
export { EmailsPage } from './EmailsPage';
export { HealthPage } from './HealthPage';
export { MessagesPage, ParkedPage } from './MessagesPage';
export { UserPage, UsersPage } from './UsersPage';
