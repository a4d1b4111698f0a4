"""Makes one module's mutants in the working folder and tries them; `tried.json` says what became of each.

A process of its own, started by `run.py`: mutmut and the tests that it runs leave their traces in it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from changes import OPERATORS
from mutmut.__main__ import _run
from mutmut.mutation import mutators
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import orig_function_and_class_names_from_key


def main(processes: int) -> None:
    """Try every mutant. Ends with 1 when the tests fail without any."""
    mutators.mutation_operators.extend(OPERATORS)
    _run([], max_children=processes)
    (path,) = walk_mutatable_files()
    data = SourceFileMutationData(path=path)
    data.load()
    tried = []
    for name, code in data.exit_code_by_key.items():
        function, of_class = orig_function_and_class_names_from_key(name)
        function = f"{of_class}.{function}" if of_class else function
        diff = get_diff_for_mutant(name, path=path)
        tried.append({"function": function, "status": status_by_exit_code[code], "diff": diff})
    Path("tried.json").write_text(json.dumps(tried))


if __name__ == "__main__":
    main(int(sys.argv[1]))
