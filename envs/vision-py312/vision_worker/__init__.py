"""The vision worker: any photo becomes an upright portrait and the landmarks of its face."""
