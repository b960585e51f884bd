"""The nouns everyone shares. Nothing here does I/O and nothing here imports another room of the house."""
