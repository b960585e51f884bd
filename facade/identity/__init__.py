"""Who is calling: a verified token becomes a Caller. No framework, no database: claims in, nouns of the domain out."""
