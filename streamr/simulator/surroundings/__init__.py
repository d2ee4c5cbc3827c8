"""What stands around TMDB: its resolver, boxes on the path, proxies elsewhere."""
