"""What stands around TMDB: its resolver, boxes on the way, proxies elsewhere."""
