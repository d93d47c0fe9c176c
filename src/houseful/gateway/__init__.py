"""The single entry point: names, limits, checks and routes every request, and serves the web app."""

from houseful.gateway.access_log import AccessLog
from houseful.gateway.app import Gateway
from houseful.gateway.internal_ingress import InternalIngress
from houseful.gateway.management import ManagementEndpoints
from houseful.gateway.routing import RouteRenewal, Routing
from houseful.gateway.web_app import WebApp, find_folder

__all__ = [
    "AccessLog",
    "Gateway",
    "InternalIngress",
    "ManagementEndpoints",
    "RouteRenewal",
    "Routing",
    "WebApp",
    "find_folder",
]
