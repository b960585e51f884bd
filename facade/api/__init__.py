"""HTTP in, HTTP out: one module per FHIR resource. No rule, no XML, no SQL here."""
