"""moto's server with our corrections: an emulator of AWS plus what is wrong or missing in it for this project.

Usage: python corrected_moto.py -H 127.0.0.1 -p PORT; ready when GET /moto-api/ answers 200.
What is corrected and what is left is said in docs/operations/aws-emulator.md.
"""

import sys

import acmpca_corrections
import iam_corrections
import kms_corrections
import sts_corrections


def main() -> None:
    for corrections in (kms_corrections, acmpca_corrections, iam_corrections, sts_corrections):
        corrections.apply()
    from moto.server import main as serve

    serve(sys.argv[1:])


if __name__ == "__main__":
    main()
