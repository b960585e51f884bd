"""Speaking to the DMP: ``gateway.SoapGateway`` is the one door; behind it SOAP, MTOM, VIHF, XAdES, ebRIM and HL7v3."""
