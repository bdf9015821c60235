"""Reading somebody's own CSV files into a catalogue: the releases, and the artists of their tracks.

`text` finds the encoding, `table` the delimiter and the cells, `columns` the headings. `releases` and `tracks` make
rows of Backend's tables. Every fault of a file is one `CsvError`.
"""
