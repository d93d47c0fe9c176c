"""HTTP: the server, the proxy to services that run elsewhere, and the clients."""
