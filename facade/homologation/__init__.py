"""The file a structure takes to its commission of self-homologation (référentiel DMP 6.5, EXI 29, Annexe 1)."""
