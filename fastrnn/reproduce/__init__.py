"""Published experiments, repeated with networks trained here."""
