"""Published experiments, done again with networks trained here."""
