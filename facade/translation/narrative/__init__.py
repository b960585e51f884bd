"""The narrative block of CDA sections, read into blocks to lay out (HL7 CDA R2, 4.3.5)."""
