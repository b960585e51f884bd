"""One module per business act: the only place where the steps are put in order.

Each act is opened with ``case.Case``: it is judged, done and traced, and its answer leaves only after its trace.
"""
