"""The rules of selling a seat, pure: documents and time in, documents and messages out."""
