"""Who may do what: pure functions over the tables of mappings/access. No I/O, no clock, no article of law here."""
