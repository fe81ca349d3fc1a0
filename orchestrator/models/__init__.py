"""Weights: what there is to fetch, how it is fetched, checked and freed of pickles, where it lies."""
