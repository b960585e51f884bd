"""The console: pages for a demonstration, a client of the FHIR API like any other.

It judges nothing and reads no table but those it prints: every page is what the API answered to the reader chosen.
"""
