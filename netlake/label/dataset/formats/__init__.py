"""The formats of a data set; each module writes one, a batch of rows at a time.

- `parquet`: the primary one, with all columns; `table`, CSV and npz, have the features and the class only
- `huggingface`: the layout that `datasets.load_dataset(FOLDER)` reads, described in the card
- `croissant`: the metadata that mlcroissant reads
"""
