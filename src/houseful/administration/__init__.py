"""What an administrator does with a service, alike for each: its audit log, its health, its messages that got
stuck."""

from houseful.administration.api import AUDIT, AuditEntryView, AuditQuery, endpoints, health_endpoint
from houseful.administration.service import Administration

__all__ = [
    "AUDIT",
    "Administration",
    "AuditEntryView",
    "AuditQuery",
    "endpoints",
    "health_endpoint",
]
