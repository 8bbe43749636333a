"""The report: what was, against what was before, what is wrong and what to do; for programs, terminals and browsers."""
