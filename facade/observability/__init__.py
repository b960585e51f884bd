"""Logs, metrics and traces. No label, key, name or value here ever comes from a patient, a token or a document."""
