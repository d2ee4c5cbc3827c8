"""The simulated network: names, boxes, TLS, proxies."""
