"""The lip-sync worker: a portrait, its landmarks and speech become a talking-head video."""
