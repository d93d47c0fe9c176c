"""The rules of a line: pure functions of documents, measurements and time."""
