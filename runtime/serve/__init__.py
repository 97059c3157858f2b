"""genmo as a server that animation tools speak to: the Motion Model Context Protocol (MMCP) over HTTP.

pip install "genmo-motion[serve]"     the protocol's own SDK (motionmcp-sdk), FastAPI, uvicorn, prometheus-client

settings      what a server may do, and for whom
skeletons     skeletons of requests as characters, genmo's own as the protocol's canonical one
constraints   the constraints of a request, for the network and for the rig
plan          a request as a timeline and as constraints of the rig
references    clips that a segment is to be like; videos as such clips
maker         a plan as motions on the rig
backbone      the two together, as the protocol's SDK calls them
jobs          so many at a time, so many waiting, none for too long
app           the web application: who may ask, what is counted and written down, how answers look
"""
