"""A lookalike of TMDB over real TLS on loopback, which can misbehave on request.

Imports nothing else of streamr: an error made there must not be made here again. Each
folder knows only those before it, and what stands here knows them all:

    tmdb          what TMDB answers
    pictures      what its image host shows
    faults        what goes wrong on purpose
    hosts         one host name, from TCP to HTTP
    surroundings  resolver, boxes on the path, proxies elsewhere
"""
