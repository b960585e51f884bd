"""The FHIR door to the French shared medical record (DMP).

A FHIR request comes in at ``api``, becomes one DMP transaction, is judged by ``policy``, crosses the ``dmp`` gateway
as SOAP, comes back, is judged again, is traced, and leaves as FHIR.
"""

__version__ = "0.1.0"
