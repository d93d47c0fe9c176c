"""From an HTTP request to one call of a service and back: what every service's HTTP side is made of."""
