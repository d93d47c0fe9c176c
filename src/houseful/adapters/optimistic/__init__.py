"""The optimistic transaction engine that the SQLite and the MongoDB store share.

A transaction gathers its read set and its writes, and hands its writes over whole. A group commit writes many
write sets at once. Until a write set is settled, its documents are in the overlay, and the next transaction
may build on them. `docs/internals/transactions.md` describes it with an example.
"""
