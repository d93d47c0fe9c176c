"""Redis or Valkey: coordination between processes."""
