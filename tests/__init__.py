"""A regular package, so that it comes before the `tests` which some wheels leave in site-packages."""
