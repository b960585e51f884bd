"""FHIR <-> XDS metadata <-> CDA header, both ways: pure functions over the tables of mappings/codes and documents.

No I/O and no clock here: time, tables, generated identifiers and the caller are arguments.
"""
