"""Stands in for the bill in tests of ``penstock report``: says how it was asked."""


def main(arguments: list[str]) -> int:
    print(arguments)
    return 0
