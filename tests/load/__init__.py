"""How fast the proxy is, beside others, and whether it stays sound under load.

    make bench                                  # 10 minutes; writes docs/performance.md
    python -m tests.load --quick                # one, as a check; writes nothing
    python -m tests.load.soak --minutes 10      # mixed load with faults, then the proofs

Absolute figures mean little: machines differ, and others use them. So every contender relays the
same requests from the same load generator to the same upstream, one after the other in each round,
and what counts is the median, over the rounds, of the ratios within a round. CPU times come
from ``/proc``: they hold even where the machine is shared.

How the files fit: ``contenders`` (who runs) and ``proxy`` (ours, with everything on) are measured
by ``scenarios``, which send ``client`` (the load) through them to ``upstream`` (the far end), and
read ``processes`` (CPU, memory); ``rounds`` interleaves, ``report`` writes. ``soak`` stands alone.
"""
