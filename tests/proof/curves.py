"""docs/soak.svg and docs/soak_twin.svg from what the soaks have counted: `python -m tests.proof.curves`.

docs/soak.json is of tests/proof/soak.py, docs/soak_twin.json of tests/proof/soak_twin.py.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main():
    pass


if __name__ == "__main__":
    main()
