"""Make the table of knots that the example learns from.

Needs ``pip install snappy snappy_15_knots spherogram numpy tqdm``, and takes five minutes on
two processes. The knots are drawn at random from the 313,230 prime knots of up to 15 crossings
of Hoste, Thistlethwaite and Weeks; the few that are not hyperbolic are left out.

Columns: place in the census, hyperbolic volume, Chern-Simons invariant, volume of the maximal
cusp, longitudinal translation, real and imaginary part of the meridional translation, signature
(positive knots have negative ones).
"""

import argparse
import lzma
import multiprocessing
from pathlib import Path

import numpy as np
import snappy
from tqdm import tqdm

TABLE = Path(__file__).with_name("knots.csv.xz")
COLUMNS = "index,volume,chern_simons,cusp_volume,longitude,meridian_real,meridian_imag,signature"


BLOCK = 256
CENSUS = snappy.HTLinkExteriors(knots_vs_links="knots")


def invariants(index):
    """Return a row of the table as text, empty for a knot that is not hyperbolic."""
    knot = CENSUS[index]
    if knot.solution_type() != "all tetrahedra positively oriented":
        return ""
    seifert = np.array(knot.link().seifert_matrix(), dtype=float)
    eigenvalues = np.linalg.eigvalsh(seifert + seifert.T)
    signature = int(np.sign(eigenvalues).sum())
    cusp = knot.cusp_neighborhood()
    cusp.set_displacement(cusp.stopping_displacement())
    meridian, longitude = cusp.translations()
    values = (
        *(float(knot.volume()), float(knot.chern_simons()), float(cusp.volume())),
        *(complex(longitude).real, complex(meridian).real, complex(meridian).imag),
    )
    return ",".join([str(index), *(f"{value:.7g}" for value in values), str(signature)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--knots", type=int, default=10_000, help="number of rows")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, default=TABLE)
    options = parser.parse_args()
    order = np.random.default_rng(options.seed).permutation(len(CENSUS))
    rows, start = [], 0
    with (
        multiprocessing.Pool(options.processes) as pool,
        tqdm(total=options.knots, unit="knot") as bar,
    ):
        while len(rows) < options.knots:
            for row in pool.imap(invariants, order[start : start + BLOCK].tolist(), chunksize=8):
                if row and len(rows) < options.knots:
                    rows.append(row)
                    bar.update()
            start += BLOCK
    text = "\n".join([COLUMNS, *rows]) + "\n"
    options.output.write_bytes(lzma.compress(text.encode()))
    print(f"{options.output}: {len(rows)} knots, {options.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
