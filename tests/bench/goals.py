# SPDX-License-Identifier: MIT
"""goals.py: the noise of a row's median, and whether the row misses its goal.

The noise is half of the interquartile range of the row's values over the square root of their number. So neither a pair during which the machine did
something else nor ten of them widen it much, and more pairs narrow it. It is about half of the median's standard error: a row that lies exactly at its
goal is named in about every third run. One value alone has no noise: that is for counts, which come out the same each time.

A goal is text: "<= 1.02" or ">= 0.99". It is missed when the median is beyond it by more than the noise.
"""
import math
import re
import statistics


def noise_of(quartile1, quartile3, n):
    return (quartile3 - quartile1) / 2 / math.sqrt(n) if n > 1 else 0.0


def noise(values):
    if len(values) < 2:
        return 0.0
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return noise_of(first, third, len(values))


def beyond(goal, median):
    """By how much the median is on the wrong side of the goal; 0 or less: it is not."""
    m = re.fullmatch(r"(<=|>=) (-?[\d.]+)", goal)
    if not m:
        raise ValueError("no goal: " + goal)
    return median - float(m[2]) if m[1] == "<=" else float(m[2]) - median


def misses(row):
    return row["goal"] is not None and beyond(row["goal"], row["median"]) > row["noise"]
