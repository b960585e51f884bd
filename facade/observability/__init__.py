"""Logs and metrics. No label, key or value here ever comes from a patient, a token or a document."""
