"""The embedded DMP, its test certificates, its token issuer and its sample world: real servers, made-up people.

Written from the standards alone and sharing no code with the facade that speaks to it (only ``facade.domain.ins`` for
the shape of an INS), so that a mistake on one side cannot agree with itself on the other. For demonstrations and
tests: it holds no real data and must never be reachable from a network.
"""
