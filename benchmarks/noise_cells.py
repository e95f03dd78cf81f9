"""How many cells of keyed noise the queries of a model with two classes have, on a coarse and on a fine grid.

    python benchmarks/noise_cells.py

The queries are 2,000 pairs of normal logits with a standard deviation of 3, and the key is a test key.
"""

import numpy as np

from dynanoise_export.noise.keyed.key import BYTES, Key
from dynanoise_export.noise.keyed.reference import cells_of, places_of
from dynanoise_export.noise.keyed.tables import derive

KEY = Key(bytes(range(BYTES)))
ROWS, CLASSES, SPREAD = 2000, 2, 3.0
GRIDS = (0.5, 0.02)


def main() -> None:
    """Print a line for each grid."""
    logits = SPREAD * np.random.default_rng(0).standard_normal((ROWS, CLASSES))
    for grid in GRIDS:
        tables = derive(KEY, (grid,), CLASSES)
        print(f"{grid:4} {len(np.unique(cells_of(places_of(logits, tables), tables.cells[0]), axis=0)):4} cells")


if __name__ == "__main__":
    main()
