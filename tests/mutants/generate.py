"""Writes mutmut's mutants of the working directory, without trying them."""

import os

from mutmut.__main__ import create_mutants
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir

if __name__ == "__main__":
    copy_src_dir()
    copy_also_copy_files()
    create_mutants(os.cpu_count() or 1)
