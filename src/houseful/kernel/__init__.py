"""What every other package may import: ports, documents, errors, time, money. Knows no service, no driver."""
