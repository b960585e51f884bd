"""The PDF copy of a document that has none: a layout in, the bytes of a PDF out.

Lines, tables and pages are set here: no writer of PDF breaks a cell across pages. Not imported before a copy is made.
"""
