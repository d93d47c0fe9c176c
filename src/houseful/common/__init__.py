"""Shared by all services; knows no service and no driver."""
