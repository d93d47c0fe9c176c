"""The line: who may buy next, where more people want seats than can be served at once."""
